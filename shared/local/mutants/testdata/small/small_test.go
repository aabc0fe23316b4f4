package small

import "testing"

func TestSmall(t *testing.T) {
	t.Parallel()
	if !Loud("one") || Loud("two") || !Known("one") || !Ends("end") || Ends("go") || !Fits("abc", 1, 2) || Fits("abcd", 1, 2) || Cell(0) != 1 {
		t.Error("it is not as it was")
	}
}

func TestOther(t *testing.T) {
	if Needs["read"] != Reader || Repeat("") {
		t.Error("it is not as it was")
	}
}
