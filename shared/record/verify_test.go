package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"example.com/releases/shared/release"
)

const theRelease = "REL-2026-Q2-001"

var begun = time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)

// keeper is a record in memory: a tree with leaves of the entries that are made, and between them
// leaves of something else.
type keeper struct {
	t      testing.TB
	origin Origin
	hashes HashSet
	size   int64
	counts map[string]int // sealed entries, by kind of log and its subject
	now    time.Time
}

func newKeeper(t testing.TB) *keeper {
	return &keeper{t: t, origin: Origin{Installation: "ABC234", Generation: 1}, hashes: HashSet{}, counts: map[string]int{}, now: begun}
}

// append adds a leaf to the tree, and returns its index.
func (k *keeper) append(leaf []byte) int {
	stored, err := tlog.StoredHashes(k.size, leaf, k.hashes)
	if err != nil {
		k.t.Fatal(err)
	}
	for n, h := range stored {
		k.hashes[tlog.StoredHashCount(k.size)+int64(n)] = h
	}
	k.size++
	return int(k.size - 1)
}

// write makes an entry that is not sealed.
func (k *keeper) write(kind, of, key string, e release.LogEntry) EvidenceEntry {
	k.now = k.now.Add(time.Second)
	if e.Timestamp.IsZero() {
		e.Timestamp = k.now
	}
	form := Encode(of, key, e)
	return EvidenceEntry{Of: of, Kind: kind, Key: key, Bytes: form.Bytes, Values: form.StandingValues(), Index: NotSealed}
}

// seal seals an entry, thirty seconds later.
func (k *keeper) seal(e EvidenceEntry, kind release.LogKind, takenOver bool) EvidenceEntry {
	k.append([]byte("of something else"))
	k.counts[e.Kind+e.Of]++
	leaf := Leaf{
		Of: e.Of, K: k.counts[e.Kind+e.Of], Key: e.Key, Kind: kind,
		SealedAt: k.now.Add(30 * time.Second), Sum: SumOf(e.Bytes), TakenOver: takenOver,
	}
	e.Leaf = string(leaf.Bytes())
	e.Index = k.append(leaf.Bytes())
	return e
}

// note makes a sealed note of the release.
func (k *keeper) note(n int, words string) EvidenceEntry {
	e := release.LogEntry{Kind: release.LogNote, Author: "Ada", Subject: "u1", AuthorEmail: "ada@example.com", Text: words}
	return k.seal(k.write(ReleaseLog, theRelease, fmt.Sprintf("e0001.%012d", n), e), release.LogNote, false)
}

func (k *keeper) checkpoint() Checkpoint {
	root, err := tlog.TreeHash(k.size, k.hashes)
	if err != nil {
		k.t.Fatal(err)
	}
	return Checkpoint{Origin: k.origin, Size: k.size, Root: root}
}

// evidence makes a page with entries, which is the only one and so the last.
func (k *keeper) evidence(since int64, entries ...EvidenceEntry) Evidence {
	k.t.Helper()
	p := Evidence{
		Version: 1, ReleaseID: theRelease, MadeAt: k.now.Add(time.Minute).Format(time.RFC3339), Checkpoint: k.checkpoint().String(),
		Logs:    []LogCount{{Of: theRelease, Kind: ReleaseLog, Sealed: k.counts[ReleaseLog+theRelease]}, {Of: "CHG-1", Kind: ChangeLog, Sealed: k.counts[ChangeLog+"CHG-1"]}},
		Entries: slices.Clone(entries),
	}
	var leaves []int64
	for _, e := range entries {
		if e.Index >= 0 {
			leaves = append(leaves, int64(e.Index))
		} else {
			p.Unsealed++
		}
	}
	var err error
	if p.Hashes, err = ProofHashes(k.hashes, k.size, leaves); err != nil {
		k.t.Fatal(err)
	}
	if since > 0 {
		if p.Since, err = ProveSince(k.hashes, k.size, since); err != nil {
			k.t.Fatal(err)
		}
	}
	return p
}

// sampleLog makes a few entries of a release and of a change request; the last is not sealed yet.
func (k *keeper) sampleLog() []EvidenceEntry {
	in := func(kind, of, key string, e release.LogEntry) EvidenceEntry {
		return k.seal(k.write(kind, of, key, e), e.Kind, false)
	}
	return []EvidenceEntry{
		in(ReleaseLog, theRelease, "e0000", release.LogEntry{Kind: release.LogCreated, Author: "Ada", Text: "Created", Changes: []release.FieldChange{{Field: "name", To: "Spring"}}}),
		in(ChangeLog, "CHG-1", "0000000001", release.LogEntry{Kind: release.LogCreated, Author: "Ada", Text: "Created"}),
		in(ChangeLog, "CHG-1", "0000000002", release.LogEntry{Kind: release.LogDecision, Author: "Carl", Text: "The CAB approved it", Decision: release.DecisionApproved}),
		in(ReleaseLog, theRelease, "e0001", release.LogEntry{Kind: release.LogTransition, Author: "Ada", Text: "planned → approved", Status: release.Approved}),
		k.note(1, "First."), k.note(2, "Second."),
		k.write(ReleaseLog, theRelease, "e0001.000000000003", release.LogEntry{Kind: release.LogNote, Author: "Ada", Text: "Third."}),
	}
}

// The verifier knows every value of an entry. One that it does not know could be changed or removed
// without being noticed.
func TestVerify_EveryValueOfAnEntry_IsKnown(t *testing.T) {
	e := Encode("REL-1", "e0001.5", entry())
	var f form
	if err := json.Unmarshal([]byte(e.Bytes), &f); err != nil {
		t.Fatal(err)
	}
	known := f.hashes()
	for name := range e.Values {
		if known[name] == "" || nameOfValue(name, f) == "" {
			t.Errorf("the verifier does not know the value %s", name)
		}
	}
	if len(known) != len(e.Values) {
		t.Errorf("the entry has %d values, and the verifier knows %d", len(e.Values), len(known))
	}
	if got := ValueNames(e.Bytes, release.Erasables); len(got) < len(e.Values) {
		t.Errorf("only %v of the %d values can be erased", got, len(e.Values))
	}
}

func faultOf(err error) string {
	var f *Fault
	if errors.As(err, &f) {
		return f.Error()
	}
	return fmt.Sprintf("no fault: %v", err)
}

func TestVerify_AsItWasWritten_Holds(t *testing.T) {
	k := newKeeper(t)
	entries := k.sampleLog()
	first, second := k.evidence(0, entries[:3]...), k.evidence(0, entries[3:]...)
	first.NextCursor = "next"
	got, err := Verify([]Evidence{second, first}, nil, SealedWithin) // pages may come in any order
	if err != nil || got.Entries != 6 || got.Unsealed != 1 || got.ReleaseID != theRelease || got.Checkpoint.Size != 12 {
		t.Errorf("%+v, %s", got, faultOf(err))
	}
}

// change edits the bytes of an entry of a page, as somebody would who edits the file.
func change(t *testing.T, p *Evidence, at int, edit func(*form)) {
	t.Helper()
	var f form
	if err := json.Unmarshal([]byte(p.Entries[at].Bytes), &f); err != nil {
		t.Fatal(err)
	}
	edit(&f)
	p.Entries[at].Bytes = marshal(f)
}

// resealed makes the leaf of an entry match its bytes again, as somebody would who knows how.
func resealed(t *testing.T, p *Evidence, at int, edit func(*Leaf)) {
	t.Helper()
	l, err := ParseLeaf([]byte(p.Entries[at].Leaf))
	if err != nil {
		t.Fatal(err)
	}
	l.Sum = SumOf(p.Entries[at].Bytes)
	if edit != nil {
		edit(&l)
	}
	p.Entries[at].Leaf = string(l.Bytes())
}

// without removes an entry of a page.
func without(p *Evidence, at int) { p.Entries = slices.Delete(p.Entries, at, at+1) }

// Whatever is edited in a file of evidence is found, and the entry is named by its key.
func TestVerify_FileEdited_IsFoundAndNamed(t *testing.T) {
	const note = theRelease + ", entry e0001.000000000001: "
	for _, c := range []struct {
		what string
		edit func(*testing.T, *Evidence)
		want string
	}{
		{"a text", func(_ *testing.T, p *Evidence) { p.Entries[4].Values[3].Value += "!" }, note + "its text is not the one that was written"},
		{"an author", func(_ *testing.T, p *Evidence) { p.Entries[4].Values[0].Value = "Eve" }, note + "its author is not the one"},
		{"a salt", func(_ *testing.T, p *Evidence) { p.Entries[4].Values[0].Salt = "AAAA" }, note + "its author is not the one"},
		{"a new value", func(_ *testing.T, p *Evidence) { p.Entries[0].Values[2].Value = "Autumn" }, theRelease + ", entry e0000: its new value of name is not the one"},
		{"a value more", func(_ *testing.T, p *Evidence) {
			p.Entries[4].Values = append(p.Entries[4].Values, SaltedValue{Name: "to0"})
		}, note + `a value "to0" comes with it`},
		{"a text gone", func(_ *testing.T, p *Evidence) { p.Entries[4].Values = p.Entries[4].Values[:3] }, note + `its value "text" is gone, and no entry of the kind "erasure"`},
		{"a time", func(t *testing.T, p *Evidence) {
			change(t, p, 4, func(f *form) { f.At = "2026-11-26T09:00:01.000Z" })
		}, note + "its bytes are not those that were sealed"},
		{"a time, and the leaf", func(t *testing.T, p *Evidence) {
			change(t, p, 4, func(f *form) { f.At = "2026-11-26T09:00:01.000Z" })
			resealed(t, p, 4, nil)
		}, note + "it is not what was sealed as leaf 9"},
		{"a decision", func(t *testing.T, p *Evidence) {
			change(t, p, 2, func(f *form) { f.Decision = release.DecisionRejected })
		}, "CHG-1, entry 0000000002: its bytes are not those"},
		{"a key", func(_ *testing.T, p *Evidence) { p.Entries[4].Key = "e0001.000000000009" }, "entry e0001.000000000009: its leaf is that of entry e0001.000000000001"},
		{"a key everywhere", func(t *testing.T, p *Evidence) {
			p.Entries[4].Key = "e0001.000000000009"
			change(t, p, 4, func(f *form) { f.Key = "e0001.000000000009" })
			resealed(t, p, 4, func(l *Leaf) { l.Key = "e0001.000000000009" })
		}, "entry e0001.000000000009: it is not what was sealed as leaf 9"},
		{"moved", func(_ *testing.T, p *Evidence) { p.Entries[4].Of, p.Entries[4].Kind = "CHG-1", ChangeLog }, "CHG-1, entry e0001.000000000001: its leaf is that of entry e0001.000000000001 of " + theRelease},
		{"of no log", func(_ *testing.T, p *Evidence) { p.Entries[4].Of = "CHG-2" }, "CHG-2, entry e0001.000000000001: it is in none of the logs"},
		{"a kind", func(t *testing.T, p *Evidence) {
			change(t, p, 4, func(f *form) { f.Kind = release.LogEdit })
		}, note + `it is of the kind "edit", and was sealed as "note"`},
		{"an entry gone", func(_ *testing.T, p *Evidence) { without(p, 4) }, theRelease + ": entry number 3 is missing, after entry e0001, number 2: the entry after is e0001.000000000002, number 4"},
		{"the first gone", func(_ *testing.T, p *Evidence) { without(p, 0) }, theRelease + ": entry number 1 is missing, at the beginning"},
		{"the last gone", func(_ *testing.T, p *Evidence) { without(p, 5) }, theRelease + ": entry number 4 is missing, after entry e0001.000000000001, number 3: 4 were sealed"},
		{"all but the leaf of a decision gone", func(_ *testing.T, p *Evidence) { p.Entries[2].Bytes, p.Entries[2].Values = "", nil }, `CHG-1, entry 0000000002: only its leaf is left. Only notes`},
		{"all but the leaf of a note gone", func(_ *testing.T, p *Evidence) { p.Entries[5].Bytes, p.Entries[5].Values = "", nil }, "entry e0001.000000000002: only the leaf of this note is left, and there are 1 newer notes"},
		{"an entry twice", func(_ *testing.T, p *Evidence) { p.Entries = append(p.Entries, p.Entries[4]) }, note + "two entries have this key"},
		{"a number", func(t *testing.T, p *Evidence) {
			resealed(t, p, 4, func(l *Leaf) { l.K = 7 })
		}, note + "it is not what was sealed as leaf"},
		{"a place in the tree", func(_ *testing.T, p *Evidence) { p.Entries[4].Index++ }, note + "it is not what was sealed as leaf 10"},
		{"a place beyond the tree", func(_ *testing.T, p *Evidence) { p.Entries[4].Index = 99 }, note + "it was sealed as leaf 99, and the tree has 12 leaves"},
		{"a place right behind the tree", func(_ *testing.T, p *Evidence) { p.Entries[4].Index = 12 }, note + "it was sealed as leaf 12, and the tree has 12 leaves"},
		{"a leaf gone", func(_ *testing.T, p *Evidence) { p.Entries[4].Leaf = "" }, theRelease + ": entry number 3 is missing"},
		{"a leaf in another form", func(_ *testing.T, p *Evidence) { p.Entries[4].Leaf += " " }, note + "its leaf cannot be read"},
		{"a hash of the tree", func(_ *testing.T, p *Evidence) { p.Hashes[0].Hash = p.Hashes[1].Hash }, "it is not what was sealed as leaf"},
		{"the root", func(_ *testing.T, p *Evidence) {
			p.Checkpoint = strings.Replace(p.Checkpoint, "\n12\n", "\n11\n", 1)
		}, "it is not what was sealed as leaf"},
		{"the generation", func(_ *testing.T, p *Evidence) { p.Checkpoint = strings.Replace(p.Checkpoint, "/1\n", "/2\n", 1) }, "The checkpoint is of generation 2, and the evidence has the beginnings of 1"},
		{"a page missing", func(_ *testing.T, p *Evidence) { p.NextCursor = "next" }, "0 of the pages are the last one"},
		{"the log missing", func(_ *testing.T, p *Evidence) { p.Logs = p.Logs[1:] }, "does not have the log of its own release"},
		{"another version", func(_ *testing.T, p *Evidence) { p.Version = 2 }, "version 2, and this verifier knows version 1"},
	} {
		t.Run(c.what, func(t *testing.T) {
			k := newKeeper(t)
			p := k.evidence(0, k.sampleLog()...)
			c.edit(t, &p)
			if _, err := Verify([]Evidence{p}, nil, SealedWithin); !strings.Contains(faultOf(err), c.want) {
				t.Errorf("the verifier says %s\nwant %s", faultOf(err), c.want)
			}
		})
	}
}

// A seal proves that an entry was there when it was sealed, not at the time that the entry names. So an
// entry must have been sealed soon after that.
func TestVerify_SealedLongAfterItsTime_IsRefused(t *testing.T) {
	for _, c := range []struct {
		at        time.Duration // before it is sealed
		takenOver bool
		within    time.Duration
		want      string
	}{
		{9 * time.Minute, false, SealedWithin, ""},
		{11 * time.Minute, false, SealedWithin, "was sealed on 2026-11-26T09:00:31Z, 11m0s later"},
		{11 * time.Minute, false, time.Hour, ""},
		{1000 * time.Hour, true, SealedWithin, ""}, // for an entry from before sealing nothing proves its time, and the verdict counts it
		{-11 * time.Minute, false, SealedWithin, "before that"},
	} {
		k := newKeeper(t)
		e := k.write(ReleaseLog, theRelease, "e0000", release.LogEntry{Kind: release.LogCreated, Timestamp: begun.Add(31*time.Second - c.at)})
		p := k.evidence(0, k.seal(e, release.LogCreated, c.takenOver))
		got, err := Verify([]Evidence{p}, nil, c.within)
		if (c.want == "") != (err == nil) || !strings.Contains(faultOf(err), c.want) || err == nil && (got.TakenOver == 1) != c.takenOver {
			t.Errorf("sealed after %s: %+v, %s, want %q (no fault if that is empty)", c.at, got, faultOf(err), c.want)
		}
	}
	k := newKeeper(t)
	created := k.seal(k.write(ReleaseLog, theRelease, "e0000", release.LogEntry{Kind: release.LogCreated}), release.LogCreated, false)
	old := k.seal(k.write(ReleaseLog, theRelease, "000000000001", release.LogEntry{Kind: release.LogNote, Timestamp: begun.Add(-1000 * time.Hour)}), release.LogNote, true)
	if _, err := Verify([]Evidence{k.evidence(0, created, old)}, nil, SealedWithin); !strings.Contains(faultOf(err), "entry 000000000001: it is marked as older than sealing") {
		t.Errorf("the verifier says %s\nwant %s", faultOf(err), "entry 000000000001: it is marked as older than sealing")
	}
}

// Nothing proves an entry that is not sealed, so that only a new one may be without a seal.
func TestVerify_NeverSealed_IsRefused(t *testing.T) {
	k := newKeeper(t)
	entries := k.sampleLog()
	forged := k.write(ReleaseLog, theRelease, "e0001.000000000004", release.LogEntry{Kind: release.LogNote, Timestamp: begun.Add(-time.Hour)})
	p := k.evidence(0, append(entries, forged)...)
	if _, err := Verify([]Evidence{p}, nil, SealedWithin); !strings.Contains(faultOf(err), "entry e0001.000000000004: it says that it was written on 2026-11-26T08:00:00Z, but was not sealed when") {
		t.Errorf("the verifier says %s\nwant %s", faultOf(err), "entry e0001.000000000004: it says that it was written on 2026-11-26T08:00:00Z, but was not sealed when")
	}
	forged.Bytes, forged.Values = "", nil
	if _, err := Verify([]Evidence{k.evidence(0, append(entries, forged)...)}, nil, SealedWithin); !strings.Contains(faultOf(err), "entry e0001.000000000004: it has neither bytes nor a leaf") {
		t.Errorf("the verifier says %s\nwant %s", faultOf(err), "entry e0001.000000000004: it has neither bytes nor a leaf")
	}
}

func TestVerify_TrimmedNotes_NeedNewerOnes(t *testing.T) {
	k := newKeeper(t)
	var entries []EvidenceEntry
	for n := 1; n <= release.MaxNotes+2; n++ {
		entries = append(entries, k.note(n, "Note."))
	}
	trim := func(at int) {
		entries[at].Bytes, entries[at].Values = "", nil
	}
	trim(0)
	untrimmed := entries[1]
	trim(1)
	got, err := Verify([]Evidence{k.evidence(0, append(entries, untrimmed)...)}, nil, SealedWithin) // trimmed between two pages
	if err != nil || got.Trimmed != 1 || got.Entries != release.MaxNotes+1 {
		t.Errorf("%+v, %s", got, faultOf(err))
	}
	// There are exactly as many newer notes as there have to be.
	if got, err = Verify([]Evidence{k.evidence(0, entries...)}, nil, SealedWithin); err != nil || got.Trimmed != 2 {
		t.Errorf("%+v, %s", got, faultOf(err))
	}
	trim(2)
	if _, err := Verify([]Evidence{k.evidence(0, entries...)}, nil, SealedWithin); !strings.Contains(faultOf(err), "entry e0001.000000000003: only the leaf of this note is left, and there are 499 newer notes") {
		t.Errorf("the verifier says %s\nwant %s", faultOf(err), "entry e0001.000000000003: only the leaf of this note is left, and there are 499 newer notes")
	}
}

func TestVerify_ErasedWords_NeedAnEntryThatSaysSo(t *testing.T) {
	k := newKeeper(t)
	entries := k.sampleLog()
	erase := func(values ...string) []EvidenceEntry {
		e := k.write(ReleaseLog, theRelease, "e0001.000000000003.00000042.erasure", release.LogEntry{
			Kind: release.LogErasure, Text: "Erased", Erased: &release.ErasedWords{Entry: "e0001.000000000001", Values: values},
		})
		return append(slices.Clone(entries), e)
	}
	before := k.seal(k.write(ReleaseLog, theRelease, "e0001.000000000000.00000001.erasure", release.LogEntry{
		Kind: release.LogErasure, Erased: &release.ErasedWords{Entry: "e0001.000000000009", Values: []string{"text"}},
	}), release.LogErasure, false)
	late := k.note(9, "Ninth.")
	entries[4].Values = slices.DeleteFunc(entries[4].Values, func(v SaltedValue) bool { return v.Name == "text" || v.Name == "author" })
	entries = append(entries, before, late)
	got, err := Verify([]Evidence{k.evidence(0, erase("author", "text")...)}, nil, SealedWithin)
	if err != nil || got.Erased != 2 {
		t.Errorf("%+v, %s", got, faultOf(err))
	}
	if _, err := Verify([]Evidence{k.evidence(0, erase("author")...)}, nil, SealedWithin); !strings.Contains(faultOf(err), `entry e0001.000000000001: its value "text" is gone`) {
		t.Errorf("the verifier says %s\nwant %s", faultOf(err), `entry e0001.000000000001: its value "text" is gone`)
	}
	last := &entries[len(entries)-1] // the erasure that names it comes before it, and so cannot have erased it
	last.Values = slices.DeleteFunc(slices.Clone(last.Values), func(v SaltedValue) bool { return v.Name == "text" })
	if _, err := Verify([]Evidence{k.evidence(0, erase("author", "text")...)}, nil, SealedWithin); !strings.Contains(faultOf(err), `entry e0001.000000000009: its value "text" is gone`) {
		t.Errorf("the verifier says %s\nwant %s", faultOf(err), `entry e0001.000000000009: its value "text" is gone`)
	}
}

// If neither the note nor its erasure is sealed yet, no number tells which came first, and they hold.
func TestVerify_UnsealedWordsErasedByUnsealed_Hold(t *testing.T) {
	k := newKeeper(t)
	note := k.write(ReleaseLog, theRelease, "e0001.000000000001", release.LogEntry{Kind: release.LogNote, Author: "Ada", Text: "First."})
	note.Values = slices.DeleteFunc(note.Values, func(v SaltedValue) bool { return v.Name == "text" })
	erasure := k.write(ReleaseLog, theRelease, "e0001.000000000001.00000001.erasure", release.LogEntry{
		Kind: release.LogErasure, Text: "Erased", Erased: &release.ErasedWords{Entry: note.Key, Values: []string{"text"}},
	})
	if got, err := Verify([]Evidence{k.evidence(0, note, erasure)}, nil, SealedWithin); err != nil || got.Erased != 1 {
		t.Errorf("%+v, %s", got, faultOf(err))
	}
}

// An erasure that erases itself is refused. Otherwise somebody who erases could hide who it was.
func TestVerify_ErasureErasesItself_IsRefused(t *testing.T) {
	const key = "e0001.000000000003.00000042.erasure"
	for _, sealed := range []bool{true, false} {
		k := newKeeper(t)
		e := k.write(ReleaseLog, theRelease, key, release.LogEntry{
			Kind: release.LogErasure, Author: "Eve", Text: "Erased", Erased: &release.ErasedWords{Entry: key, Values: []string{"author"}},
		})
		e.Values = slices.DeleteFunc(e.Values, func(v SaltedValue) bool { return v.Name == "author" })
		if sealed {
			e = k.seal(e, release.LogErasure, false)
		}
		if _, err := Verify([]Evidence{k.evidence(0, e)}, nil, SealedWithin); !strings.Contains(faultOf(err), `entry `+key+`: its value "author" is gone`) {
			t.Errorf("sealed %t: %s", sealed, faultOf(err))
		}
	}
}

// A tree that was built again can be consistent in itself and have seals whose times go backwards.
func TestVerify_TimesOfTheTreeGoBackwards_IsRefused(t *testing.T) {
	k := newKeeper(t)
	first := k.note(1, "First.")
	k.now = begun.Add(-SealedWithin - time.Second)
	second := k.note(2, "Second.")
	if _, err := Verify([]Evidence{k.evidence(0, first, second)}, nil, SealedWithin); !strings.Contains(faultOf(err), "entry e0001.000000000002: it was sealed as leaf 3") {
		t.Errorf("the verifier says %s\nwant %s", faultOf(err), "entry e0001.000000000002: it was sealed as leaf 3")
	}
}

// Pages that were fetched at different times do not make one piece of evidence.
func TestVerify_PagesOfTwoPieces_AreRefused(t *testing.T) {
	k := newKeeper(t)
	entries := k.sampleLog()
	first, second := k.evidence(0, entries[:3]...), k.evidence(0, entries[3:]...)
	first.NextCursor = "next"
	second.Logs = []LogCount{{Of: theRelease, Kind: ReleaseLog, Sealed: 3}}
	if _, err := Verify([]Evidence{first, second}, nil, SealedWithin); !strings.Contains(faultOf(err), "do not agree on how many entries") {
		t.Errorf("the verifier says %s\nwant %s", faultOf(err), "do not agree on how many entries")
	}
	second.Logs = nil // as later pages have it
	if _, err := Verify([]Evidence{first, second}, nil, SealedWithin); err != nil {
		t.Errorf("the verifier says %s\nwant that it holds", faultOf(err))
	}
	k.append([]byte("meanwhile"))
	second = k.evidence(0, entries[3:]...)
	if _, err := Verify([]Evidence{first, second}, nil, SealedWithin); !strings.Contains(faultOf(err), "the pages are of two checkpoints") {
		t.Errorf("the verifier says %s\nwant %s", faultOf(err), "the pages are of two checkpoints")
	}
}

// If a sealer numbers entries wrongly, the tree is consistent, but the log is not.
func TestVerify_NumberedWrongly_IsRefused(t *testing.T) {
	k := newKeeper(t)
	first := k.note(1, "First.")
	k.counts[ReleaseLog+theRelease] = 0
	second := k.note(2, "Second.")
	if _, err := Verify([]Evidence{k.evidence(0, first, second)}, nil, SealedWithin); !strings.Contains(faultOf(err), "it was sealed as number 1, and so was entry e0001.000000000001") {
		t.Errorf("the verifier says %s\nwant %s", faultOf(err), "it was sealed as number 1, and so was entry e0001.000000000001")
	}
	k = newKeeper(t)
	k.counts[ReleaseLog+theRelease] = 1
	second = k.note(2, "Second.")
	k.counts[ReleaseLog+theRelease] = 0
	first = k.note(1, "First.")
	if _, err := Verify([]Evidence{k.evidence(0, first, second)}, nil, SealedWithin); !strings.Contains(faultOf(err), "entry e0001.000000000002: it was sealed as number 2 before entry e0001.000000000001 was as number 1") {
		t.Errorf("the verifier says %s\nwant %s", faultOf(err), "entry e0001.000000000002: it was sealed as number 2 before entry e0001.000000000001 was as number 1")
	}
}

func TestVerify_NoPages_IsAFault(t *testing.T) {
	if _, err := Verify(nil, nil, SealedWithin); faultOf(err) != "There is no evidence in these files." {
		t.Error(faultOf(err))
	}
}
