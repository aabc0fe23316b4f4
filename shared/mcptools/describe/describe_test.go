package describe

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write tools.json")

const golden = "../tools.json"

// What agents are shown is written ahead of time; this is what writes it, and what
// notices that a type, a bound or the lifecycle has changed since.
func TestToolsJSONIsWhatTheTypesSay(t *testing.T) {
	want, err := JSON()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(golden, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("tools.json is not what the types say; look at the difference of: go test ./shared/mcptools/describe -update")
	}
}
