package describe

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"reflect"
	"slices"
	"testing"

	"example.com/releases/shared/fields"
	"example.com/releases/shared/operations"
)

var update = flag.Bool("update", false, "write tools.json")

const golden = "../tools.json"

// What agents are shown is written ahead of time; this is what writes it, and what
// notices that a type, a bound or the lifecycle has changed since.
func TestToolsJSON_Types_AreWhatItSays(t *testing.T) {
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

// What is said of a field beside its own words is lost when the field gets another name.
func TestWords_OfAField_NameOneThatIsThere(t *testing.T) {
	there := map[string]bool{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || t == timeType {
			return
		}
		for _, f := range fields.Of(t) {
			there[f.Of.Name()+"."+f.Name] = true
			walk(f.Type)
		}
	}
	for _, body := range bodies {
		walk(body)
	}
	walk(reflect.TypeFor[operations.Brief]())
	walk(reflect.TypeFor[operations.ReleasePage]())
	names := slices.Concat(explained, slices.Collect(maps.Keys(alsoForAgents)), slices.Collect(maps.Keys(defaults)))
	for _, name := range names {
		if !there[name] {
			t.Errorf("there is no field %s", name)
		}
	}
	if len(names) < 15 || len(there) < 50 {
		t.Errorf("%d names, %d fields", len(names), len(there))
	}
}
