package bus

import (
	"path/filepath"
	"reflect"
	"testing"
)

// What EventBridge has accepted outlives a kill of the host that published it.
func TestBus_KeptInAFile_ComesBackAfterAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	b, client, _ := start(t)
	if err := b.KeepIn(path); err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutEvents(t.Context(), entries(`{"eventId":"REL#1"}`, `{"eventId":"REL#2"}`)); err != nil {
		t.Fatal(err)
	}
	reopened, clientAgain, _ := start(t)
	reopened.OnEvent = func(e Event) { t.Errorf("%s was passed on once more", e.Detail) }
	if err := reopened.KeepIn(path); err != nil {
		t.Fatal(err)
	}
	if was, is := b.Events(), reopened.Events(); len(is) != 2 || is[0].Bus != "releases" || !reflect.DeepEqual(was, is) {
		t.Fatalf("%+v\ncame back as\n%+v", was, is)
	}
	reopened.OnEvent = nil
	if _, err := clientAgain.PutEvents(t.Context(), entries(`{"eventId":"REL#3"}`)); err != nil {
		t.Fatal(err)
	}
	if all := reopened.Events(); len(all) != 3 || all[2].ID == all[0].ID || all[2].ID == all[1].ID {
		t.Errorf("got %+v, want three events, each with an id of its own", all)
	}
	if err := reopened.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := clientAgain.PutEvents(t.Context(), entries(`{"eventId":"REL#4"}`))
	if err != nil || out.FailedEntryCount != 1 || len(reopened.Events()) != 3 {
		t.Errorf("an event that cannot be written: %+v, %v, %d events; want it to fail and three events", out, err, len(reopened.Events()))
	}
}
