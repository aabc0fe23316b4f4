package tiny

import "testing"

func TestSet(t *testing.T) {
	var s Store
	if s.Set("a", 0) != nil || s.Set("b", 0) == nil || s.text != "a" {
		t.Errorf("%+v", s)
	}
	s.locked = true
	if s.Set("c", 1) == nil {
		t.Error("it was locked")
	}
}

func TestReset(t *testing.T) {
	var s Store
	if s.Reset(0) != nil || s.text != "" {
		t.Errorf("%+v", s)
	}
}

func TestAppend(t *testing.T) {
	var s Store
	if s.Append("a", 0) != nil || s.Append("b", 0) == nil || s.text != "a" {
		t.Errorf("%+v", s)
	}
}

func TestLock(t *testing.T) {
	var s Store
	if s.Lock(0) != nil || s.Lock(0) == nil {
		t.Errorf("%+v", s)
	}
}
