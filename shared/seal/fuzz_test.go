package seal

import (
	"fmt"
	"strings"
	"testing"

	"example.com/releases/shared/record"
)

// FuzzRecordSettings: whatever the settings of the record are, either there is a generation to seal
// into, with the checkpoint that was given, or the function does not start and says which setting is
// wrong.
func FuzzRecordSettings(f *testing.F) {
	c := record.Checkpoint{Origin: record.Origin{Installation: "A", Generation: 1}, Size: 3, Root: record.EmptyRoot()}
	f.Add("1", "")
	f.Add("", c.String())
	f.Add("2", strings.Join(strings.Fields(c.String()), " "))
	f.Add("+2", "releases-record/A/1 3 AAAA")
	f.Add("99999999999999999999", "\x00")
	f.Fuzz(func(t *testing.T, generation, last string) {
		defer func() {
			if panicked := recover(); panicked != nil && !strings.Contains(fmt.Sprint(panicked), "RECORD_GENERATION") && !strings.Contains(fmt.Sprint(panicked), "LAST_CHECKPOINT") {
				t.Errorf("the panic does not name the setting that is wrong: %v", panicked)
			}
		}()
		r := New(nil, generation, last)
		if r.generation.Number < 1 {
			t.Errorf("%q is read as generation %d, want 1 or more", generation, r.generation.Number)
		}
		given := strings.Fields(last)
		if (r.generation.Last == nil) != (len(given) == 0) {
			t.Fatalf("%q is read as the checkpoint %v", last, r.generation.Last)
		}
		if r.generation.Last != nil && strings.Join(strings.Fields(r.generation.Last.String()), " ") != strings.Join(given, " ") {
			t.Errorf("%q is read as the checkpoint %q", last, r.generation.Last)
		}
	})
}
