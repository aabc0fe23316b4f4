package rest_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/mod/sumdb/tlog"

	"example.com/releases/shared/record"
	"example.com/releases/shared/release"
)

type attributes = map[string]types.AttributeValue

func textIn(i attributes, name string) string {
	v, _ := i[name].(*types.AttributeValueMemberS)
	if v == nil {
		return ""
	}
	return v.Value
}

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func num(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func (w *fixture) item(table, pk, sk string) attributes {
	w.Helper()
	out, err := w.Client.GetItem(context.Background(), &dynamodb.GetItemInput{TableName: &table, Key: attributes{"pk": str(pk), "sk": str(sk)}})
	if err != nil || out.Item == nil {
		w.Fatalf("%s/%s: %v", pk, sk, err)
	}
	return out.Item
}

func (w *fixture) put(table string, i attributes) {
	w.Helper()
	if _, err := w.Client.PutItem(context.Background(), &dynamodb.PutItemInput{TableName: &table, Item: i}); err != nil {
		w.Fatal(err)
	}
}

func (w *fixture) remove(table string, i attributes) {
	w.Helper()
	if _, err := w.Client.DeleteItem(context.Background(), &dynamodb.DeleteItemInput{TableName: &table, Key: attributes{"pk": i["pk"], "sk": i["sk"]}}); err != nil {
		w.Fatal(err)
	}
}

// log returns the item of an entry in the release's log.
func (w *provable) log(key string) attributes {
	return w.item(w.Tables.Releases, "LOG#"+w.release, key)
}

func (w *provable) changeLog(key string) attributes {
	return w.item(w.Tables.Changes, "CLOG#"+w.change, key)
}

// write stores an entry as a forger would who knows the form of items, without a seal.
func (w *fixture) write(table, pk, sk string, e release.LogEntry) attributes {
	_, of, _ := strings.Cut(pk, "#")
	form := record.Encode(of, sk, e)
	values := attributes{}
	for name, v := range form.Values {
		values[name] = &types.AttributeValueMemberB{Value: v}
	}
	i := attributes{"pk": str(pk), "sk": str(sk), "entry": str(form.Bytes), "values": &types.AttributeValueMemberM{Value: values}, "what": str(string(e.Kind))}
	w.put(table, i)
	return i
}

// forge returns a note that somebody else seems to have written an hour ago.
func forge() release.LogEntry {
	return release.LogEntry{Kind: release.LogNote, Timestamp: time.Now().Add(-time.Hour).UTC(), Author: "Otto Auditor", Subject: "sub-otto", Text: "I have seen the backup."}
}

// rewritten replaces the bytes of an entry, and leaves its seal.
func (w *fixture) rewritten(table string, i attributes, edit func(*release.LogEntry)) {
	w.Helper()
	form := record.Entry{Bytes: textIn(i, "entry"), Values: map[string][]byte{}}
	for name, v := range i["values"].(*types.AttributeValueMemberM).Value {
		form.Values[name] = v.(*types.AttributeValueMemberB).Value
	}
	e, err := form.Decode()
	if err != nil {
		w.Fatal(err)
	}
	edit(&e)
	written := w.write(table, textIn(i, "pk"), textIn(i, "sk"), e)
	for _, name := range []string{"i", "k", "sealedAt", "takenOver"} {
		if i[name] != nil {
			written[name] = i[name]
		}
	}
	w.put(table, written)
}

// tables returns the tables that hold the record.
func (w *fixture) tables() []string {
	return []string{w.Tables.Releases, w.Tables.Changes, w.Tables.Record}
}

func (w *fixture) scan(table string) []attributes {
	w.Helper()
	out, err := w.Client.Scan(context.Background(), &dynamodb.ScanInput{TableName: &table})
	if err != nil || len(out.LastEvaluatedKey) > 0 {
		w.Fatalf("%v, or more than a page", err)
	}
	return out.Items
}

// snapshot returns a function that puts a table back to what it is now.
func (w *fixture) snapshot(table string) (putBack func()) {
	w.Helper()
	before := w.scan(table)
	return func() {
		w.Helper()
		for _, i := range w.scan(table) {
			if !slices.ContainsFunc(before, func(b attributes) bool { return textIn(b, "pk")+textIn(b, "sk") == textIn(i, "pk")+textIn(i, "sk") }) {
				w.remove(table, i)
			}
		}
		for _, i := range before {
			w.put(table, i)
		}
	}
}

// If somebody who can write the tables tampers with them, the verifier finds that in the evidence that is
// fetched afterwards, and names it. Some things it can only find by comparing with what was kept.
func TestEvidence_TamperedWithInTheTable_IsFoundAndNamed(t *testing.T) {
	t.Parallel()
	w := newProvable(t)
	const note, second = "e0000.000000000001", "e0001.000000000002"
	evidence := w.fetch(w.release, 0)
	if v, fault := w.verify(evidence); fault != "" || v.Entries != 8 || v.Unsealed != 0 {
		t.Fatalf("before anything is tampered with: %+v, %s; want 8 sealed entries, no fault", v, fault)
	}
	checkpoint, event := w.checkpoint(), w.event("e0001", 6)
	releases, changes, tree := w.Tables.Releases, w.Tables.Changes, w.Tables.Record
	set := func(table string, i attributes, name string, v types.AttributeValue) {
		i[name] = v
		w.put(table, i)
	}
	value := func(i attributes, name, text string) {
		i["values"].(*types.AttributeValueMemberM).Value[name] = &types.AttributeValueMemberB{Value: []byte("0123456789abcdef" + text)}
		w.put(releases, i)
	}
	entry := w.release + ", entry " + note + ": "
	for _, c := range []struct {
		what   string
		tamper func()
		want   string
		kept   string
	}{
		{"a text", func() { value(w.log(note), "text", "Never rehearsed.") }, entry + "its text is not the one that was written", ""},
		{"an author", func() { value(w.log(note), "author", "Eve") }, entry + "its author is not the one", ""},
		{"a subject", func() { value(w.log(note), "subject", "sub-eve") }, entry + "its author's subject is not the one", ""},
		{"a text, in the bytes too", func() {
			w.rewritten(releases, w.log(note), func(e *release.LogEntry) { e.Text = "Never rehearsed." })
		}, entry + "it is not what was sealed as leaf", ""},
		{"a time", func() {
			w.rewritten(releases, w.log(note), func(e *release.LogEntry) { e.Timestamp = e.Timestamp.Add(-time.Minute) })
		}, entry + "it is not what was sealed as leaf", ""},
		{"the time of a seal", func() { set(releases, w.log(note), "sealedAt", str("2026-01-01T00:00:00.000Z")) }, entry + "it is not what was sealed as leaf", ""},
		{"a key", func() {
			i := w.log(note)
			w.remove(releases, i)
			set(releases, i, "sk", str("e0000.000000000009"))
		}, w.release + ", entry e0000.000000000009: it was written as entry " + note, ""},
		{"a number", func() { set(releases, w.log(note), "k", num(9)) }, entry + "it is not what was sealed as leaf", ""},
		{"an entry gone", func() { w.remove(releases, w.log(note)) }, w.release + ": entry number 3 is missing, after entry e0000.000000000000.00000001.decision/" + w.change + ", number 2: the entry after is e0000.000000000001.00000002.edit, number 4", ""},
		{"its leaf gone", func() {
			i := w.log(note)
			delete(i, "i")
			delete(i, "k")
			w.put(releases, i)
		}, w.release + ": entry number 3 is missing", ""},
		{"a hash of the tree", func() {
			i := w.item(tree, "T#0/0", "M")
			i["hashes"].(*types.AttributeValueMemberB).Value[40] ^= 1
			w.put(tree, i)
		}, "it is not what was sealed as leaf", ""},
		{"the tree gone", func() { w.remove(tree, w.item(tree, "T#0/0", "M")) }, "it is not what was sealed as leaf", ""},
		{"inserted, without a seal", func() { w.write(releases, "LOG#"+w.release, "e0000.000000000002", forge()) }, w.release + ", entry e0000.000000000002: it says that it was written on ", ""},
		{"inserted, with the seal of another", func() {
			i := w.write(releases, "LOG#"+w.release, "e0000.000000000002", forge())
			was := w.log(second)
			i["i"], i["k"], i["sealedAt"] = was["i"], num(8), was["sealedAt"]
			w.put(releases, i)
		}, w.release + ", entry e0000.000000000002: it is not what was sealed as leaf", ""},
		{"backdated, and sealed by the sealer itself", func() {
			i := w.write(releases, "LOG#"+w.release, "e0000.000000000002", forge())
			i["unsealed"], i["unsealedSince"] = str("1"), str("2026-01-01T00:00:00.000Z")
			w.put(releases, i)
			w.seal()
		}, "e0000.000000000002: it says that it was written on ", ""},
		{"moved to another release", func() {
			i := w.item(releases, "LOG#"+w.other, note)
			set(releases, i, "pk", str("LOG#"+w.release))
		}, entry + "it is an entry of " + w.other + ", but is in the log of " + w.release, ""},
		{"a decision", func() {
			w.rewritten(changes, w.changeLog("0000000003"), func(e *release.LogEntry) { e.Decision = release.DecisionRejected })
		}, w.change + ", entry 0000000003: it is not what was sealed as leaf", ""},
		{"a decision gone", func() { w.remove(changes, w.changeLog("0000000003")) }, w.change + ": entry number 2 is missing, after entry 0000000001, number 1: 2 were sealed", ""},
		{"words gone", func() {
			i := w.log(note)
			delete(i["values"].(*types.AttributeValueMemberM).Value, "text")
			w.put(releases, i)
		}, entry + `its value "text" is gone, and no entry of the kind "erasure" says that it was erased`, ""},
		{"a note that seems to be trimmed", func() {
			i := w.log(second)
			w.remove(releases, i)
			leaf := record.Leaf{Of: w.release, K: 6, Key: second, Kind: release.LogNote, Sum: record.SumOf(textIn(i, "entry"))}
			leaf.SealedAt, _ = time.Parse(time.RFC3339Nano, textIn(i, "sealedAt"))
			w.put(releases, attributes{
				"pk": str("LEAVES#" + w.release), "sk": str("000000000003"),
				"leaves":  &types.AttributeValueMemberL{Value: []types.AttributeValue{str(string(leaf.Bytes()))}},
				"indexes": &types.AttributeValueMemberL{Value: []types.AttributeValue{i["i"]}},
			})
		}, w.release + ", entry " + second + ": only the leaf of this note is left, and there are 0 newer notes", ""},
		{"the newest cut off", func() { w.remove(releases, w.log(second)) }, w.release + ": entry number 6 is missing, after entry e0001, number 5: 6 were sealed", ""},
		{"the newest cut off with its count, evidence", w.cutOff(second, 5), "1 of the entries that kept.json knows are missing: " + w.release + " " + second, evidence},
		{"the newest cut off with its count, event", w.cutOff(second, 5), w.release + ": it had 6 entries when kept.json was kept and has 5 now", event},
		{"the end of the tree cut off", func() {
			i := w.item(tree, "HEAD", "M")
			tile := w.item(tree, "T#0/0", "M")["hashes"].(*types.AttributeValueMemberB).Value
			root, err := tlog.TreeHash(4, record.Tiles{record.TileID{}: tile})
			if err != nil {
				t.Fatal(err)
			}
			i["size"], i["root"] = num(4), &types.AttributeValueMemberB{Value: root[:]}
			w.put(tree, i)
		}, ", and the tree has 4 leaves: the end of the tree was cut off", ""},
		{"the whole tree made anew", func() { w.sealedAnew(note) }, "the tree of " + strconv.FormatInt(checkpoint.Size, 10) + " leaves is not the one that kept.json describes: it was rebuilt", checkpoint.String()},
		{"the whole tree made anew, evidence", func() { w.sealedAnew(note) }, entry + "it is not what it was when kept.json was kept", evidence},
		{"the whole tree made anew, event", func() { w.sealedAnew(note) }, "it was rebuilt", event},
	} {
		var putBack []func()
		for _, table := range w.tables() {
			putBack = append(putBack, w.snapshot(table))
		}
		c.tamper()
		now := w.fetch(w.release, checkpoint.Size)
		if c.kept != "" {
			if _, fault := w.verify(now); fault != "" {
				t.Errorf("%s: it is found without what was kept, so the case belongs to the others: %s", c.what, fault)
			}
			_, fault := w.verify(now, c.kept)
			if !strings.Contains(fault, c.want) {
				t.Errorf("%s: the verifier says %q\nwant %q", c.what, fault, c.want)
			}
		} else if _, fault := w.verify(now); !strings.Contains(fault, c.want) {
			t.Errorf("%s: the verifier says %q\nwant %q", c.what, fault, c.want)
		}
		for _, back := range putBack {
			back()
		}
	}
	if _, fault := w.verify(w.fetch(w.release, 0), evidence, event, checkpoint.String()); fault != "" {
		t.Errorf("after everything is put back: %s", fault)
	}
}

// cutOff removes the newest entry, and changes the count of sealed entries to match.
func (w *provable) cutOff(newest string, sealed int64) func() {
	return func() {
		w.remove(w.Tables.Releases, w.log(newest))
		i := w.item(w.Tables.Record, "RS#LOG#"+w.release, "M")
		i["k"] = num(sealed)
		w.put(w.Tables.Record, i)
	}
}

// sealedAnew changes an entry and builds the whole tree again, under the same installation id.
func (w *provable) sealedAnew(key string) {
	w.Helper()
	head := w.item(w.Tables.Record, "HEAD", "M")
	for _, i := range w.scan(w.Tables.Record) {
		w.remove(w.Tables.Record, i)
	}
	empty := record.EmptyRoot()
	w.put(w.Tables.Record, attributes{
		"pk": str("HEAD"), "sk": str("M"), "installation": head["installation"], "generation": num(1), "size": num(0), "root": &types.AttributeValueMemberB{Value: empty[:]},
	})
	w.rewritten(w.Tables.Releases, w.log(key), func(e *release.LogEntry) { e.Text = "Never rehearsed." })
	for _, table := range []string{w.Tables.Releases, w.Tables.Changes} {
		for _, i := range w.scan(table) {
			if i["i"] != nil {
				delete(i, "i")
				delete(i, "k")
				i["unsealed"], i["unsealedSince"] = str("1"), i["sealedAt"]
				delete(i, "sealedAt")
				w.put(table, i)
			}
		}
	}
	w.seal()
}
