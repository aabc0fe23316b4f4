package record

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/release"
)

// FuzzLeaf: a leaf that can be parsed is written again with the same bytes.
func FuzzLeaf(f *testing.F) {
	f.Add(Leaf{Of: theRelease, K: 1, Key: "e0.1", Kind: release.LogNote, SealedAt: begun, Sum: SumOf("x")}.Bytes())
	f.Add([]byte(`{"v":1,"of":"R","k":1,"k":2,"key":"e0.1","kind":"note","sealedAt":"2026-11-26T09:00:00.000Z","sha256":""}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := ParseLeaf(b); err == nil && string(l.Bytes()) != string(b) {
			t.Errorf("%q is parsed, and written as %q", b, l.Bytes())
		}
	})
}

// FuzzCheckpoint: a checkpoint that can be parsed is exactly what its first three lines say.
func FuzzCheckpoint(f *testing.F) {
	k := newKeeper(f)
	k.append([]byte("x"))
	f.Add(Checkpoint{Origin: k.origin, Size: 1}.String())
	f.Add("releases-record/A/1\n01\nAAAA\n")
	f.Add("releases-record/A/1\n1\n0000000000000000000000000000000000000000001=\n")
	f.Add("releases-record/A/B/1\n1\n\n— signed by somebody\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCheckpoint(text)
		if err == nil && !strings.HasPrefix(text, c.String()) {
			t.Errorf("%q is parsed as the checkpoint %q", text, c)
		}
		if o, err := ParseOrigin(text); err == nil && o.String() != text {
			t.Errorf("%q is parsed as the origin %q", text, o)
		}
	})
}

// FuzzEntry: whatever the bytes and values of an entry are, decoding it returns. An entry that can be
// decoded can be encoded and decoded again.
func FuzzEntry(f *testing.F) {
	yes := true
	for _, e := range []release.LogEntry{
		{Kind: release.LogNote, Timestamp: begun, Text: "x", Author: "Ada", Subject: "s", AuthorEmail: "a@example.com", AuthorEmailVerified: &yes},
		{Kind: release.LogHold, Timestamp: begun, Hold: &release.HoldChange{Placed: true, Holder: "s"}},
		{Kind: release.LogEdit, Timestamp: begun, Changes: []release.FieldChange{{Field: "name", To: "B"}}},
	} {
		values, err := json.Marshal(Encode(theRelease, "e0.1", e).Values)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(Encode(theRelease, "e0.1", e).Bytes, values)
	}
	f.Add(`{"v":1,"changes":[{}],"hold":{},"at":"2026-11-26T09:00:00.000Z"}`, []byte(`{"to0":"AA=="}`))
	f.Fuzz(func(t *testing.T, text string, raw []byte) {
		var values map[string][]byte
		_ = json.Unmarshal(raw, &values)
		e, err := Entry{Bytes: text, Values: values}.Decode()
		if err != nil {
			return
		}
		rewritten := Encode("R", e.ID, e)
		if _, err := rewritten.Decode(); err != nil {
			t.Errorf("%q can be decoded, but not when it is encoded again as %q: %v", text, rewritten.Bytes, err)
		}
	})
}

// FuzzEvidence: the verifier reads files that somebody sends. Whatever is in them, it returns a verdict
// or a fault. And evidence that holds also holds when it is compared with itself.
func FuzzEvidence(f *testing.F) {
	k := newKeeper(f)
	entries := k.sampleLog()
	good, err := json.Marshal(k.evidence(0, entries...))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, []byte{})
	f.Add(good, good)
	f.Add([]byte(`{"version":1,"releaseId":"R","checkpoint":"releases-record/A/1\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n","entries":[{"index":9223372036854775807,"leaf":"{}"},{"index":-1}]}`), good)
	f.Add([]byte(`{"version":1,"releaseId":"R"}{"version":1,"releaseId":"R"}`), []byte(`{"detail":{"release":{"id":"R"},"record":{"checkpoint":"releases-record/A/1\n0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n","entries":-1}}}`))
	f.Fuzz(func(t *testing.T, data, earlier []byte) {
		pages, err := ReadEvidence("file", data)
		if err != nil {
			return
		}
		var kept []Kept
		if k, err := ReadKept("earlier", earlier); err == nil {
			kept = append(kept, k)
		}
		if _, err := Verify(pages, kept, time.Hour); err != nil {
			return
		}
		self, err := ReadKept("self", data)
		if err != nil {
			t.Fatalf("the evidence holds, but cannot be read as kept evidence: %v", err)
		}
		if _, err := Verify(pages, []Kept{self}, time.Hour); err != nil {
			t.Errorf("the evidence holds, but not compared with itself: %v", err)
		}
	})
}
