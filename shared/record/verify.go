package record

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"example.com/releases/shared/release"
)

// SealedWithin is the longest time that may pass between an entry's timestamp and its sealing:
// the sealer runs every minute, and an alarm goes off long before this.
const SealedWithin = 10 * time.Minute

// Fault is the first thing in the evidence that does not hold, in words for an auditor.
type Fault struct {
	Of   string // the release or change request; empty where it concerns the tree
	Key  string // the entry; empty where it concerns a log as a whole
	What string
}

func (f *Fault) Error() string {
	switch {
	case f.Of == "":
		return f.What
	case f.Key == "":
		return f.Of + ": " + f.What
	}
	return f.Of + ", entry " + f.Key + ": " + f.What
}

// Verdict is what the verification of one release's evidence found.
type Verdict struct {
	ReleaseID  string
	Checkpoint Checkpoint
	Entries    int // sealed, with what they say
	Trimmed    int // notes of which only the leaf is left
	Unsealed   int
	TakenOver  int // older than sealing: nothing proves what they said before it
	Erased     int // texts and names
	Kept       []string
}

// Verify checks the pages of one release's evidence against each other, against their
// checkpoint and against what was saved earlier. It returns a *Fault for the first thing that
// does not hold. within is how long sealing may have taken, normally SealedWithin.
func Verify(pages []Evidence, kept []Kept, within time.Duration) (Verdict, error) {
	v := verification{within: within, logs: map[logName]*provedLog{}}
	for _, step := range []func() error{
		func() error { return v.open(pages) },
		func() error { return v.restores(pages) },
		func() error { return v.prove(pages) },
		v.checkLogs,
		func() error { return v.compare(pages, kept) },
	} {
		if err := step(); err != nil {
			return Verdict{}, err
		}
	}
	return v.verdict, nil
}

type logName struct{ kind, of string }

// provedLog holds the entries of one log, each of which has been checked by itself.
type provedLog struct {
	LogCount
	entries []provedEntry
	erased  map[string]int // by key and name: the leaf number of the entry that records the erasure
}

type provedEntry struct {
	EvidenceEntry
	at   time.Time
	kind release.LogKind
	leaf *Leaf // nil while it is not sealed
	lost []string
}

func (e provedEntry) fault(format string, args ...any) error {
	return &Fault{Of: e.Of, Key: e.Key, What: fmt.Sprintf(format, args...)}
}

type verification struct {
	within      time.Duration
	checkpoint  Checkpoint
	firstPageAt time.Time
	names       []logName
	logs        map[logName]*provedLog
	generation  map[int]int64 // the index of the first leaf of each generation after the first
	verdict     Verdict
}

// open checks that the pages belong to one evidence document and that none is missing.
func (v *verification) open(pages []Evidence) error {
	if len(pages) == 0 {
		return &Fault{What: "There is no evidence in these files."}
	}
	first := pages[0]
	fault := func(format string, args ...any) error {
		return &Fault{Of: first.ReleaseID, What: fmt.Sprintf(format, args...)}
	}
	var err error
	if v.checkpoint, err = ParseCheckpoint(first.Checkpoint); err != nil {
		return fault("the checkpoint cannot be read: %v.", err)
	}
	last := 0
	for _, p := range pages {
		pageAt, err := time.Parse(time.RFC3339, p.MadeAt)
		switch {
		case p.Version != 1:
			return fault("the evidence is of version %d, and this verifier knows version 1: use the verifier of the release that made it.", p.Version)
		case err != nil:
			return fault("a page does not say when it was made.")
		case p.Checkpoint != first.Checkpoint:
			return fault("the pages are of two checkpoints. Fetch all pages of one evidence, each with the nextCursor of the page before.")
		case p.NextCursor == "":
			last++
		}
		if v.firstPageAt.IsZero() || pageAt.Before(v.firstPageAt) {
			v.firstPageAt = pageAt
		}
		for _, l := range p.Logs {
			name := logName{l.Kind, l.Of}
			switch known := v.logs[name]; {
			case known == nil:
				v.names = append(v.names, name)
				v.logs[name] = &provedLog{LogCount: l, erased: map[string]int{}}
			case known.LogCount != l:
				return fault("the pages do not agree on how many entries of %s are sealed. Fetch all pages of one evidence.", l.Of)
			}
		}
	}
	if last != 1 {
		return fault("%d of the pages are the last one, and exactly one must be. Fetch all pages of one evidence, each with the nextCursor of the page before.", last)
	}
	if v.logs[logName{ReleaseLog, first.ReleaseID}] == nil {
		return fault("the evidence does not have the log of its own release.")
	}
	v.verdict = Verdict{ReleaseID: first.ReleaseID, Checkpoint: v.checkpoint}
	return nil
}

// restores checks that each generation begins with the last known checkpoint of those before.
func (v *verification) restores(pages []Evidence) error {
	v.generation = map[int]int64{}
	for _, p := range pages {
		hashes, err := p.hashSet()
		if err != nil {
			return err
		}
		for _, r := range p.Restores {
			n := len(v.generation) + 2
			last, generation := parseGenerationLeaf(r.Leaf)
			if _, known := v.generation[generation]; known {
				continue // every page repeats them
			}
			if generation != n || last.Origin.Installation != v.checkpoint.Origin.Installation {
				return &Fault{What: fmt.Sprintf("Leaf %d is not the beginning of generation %d, as there has to be after a restore: it reads %q.", r.Index, n, r.Leaf)}
			}
			if err := v.proved(hashes, int64(r.Index), tlog.RecordHash([]byte(r.Leaf))); err != nil {
				return &Fault{What: fmt.Sprintf("The leaf by which generation %d begins, after a restore, is not in the tree of the checkpoint.", generation)}
			}
			v.generation[generation] = int64(r.Index)
		}
	}
	if len(v.generation)+1 != v.checkpoint.Origin.Generation {
		return &Fault{What: fmt.Sprintf("The checkpoint is of generation %d, and the evidence has the beginnings of %d generations: the tables were restored, and the leaf that says so is missing.",
			v.checkpoint.Origin.Generation, len(v.generation)+1)}
	}
	return nil
}

func parseGenerationLeaf(leaf string) (Checkpoint, int) {
	var form struct {
		Generation int    `json:"generation"`
		Last       string `json:"last"`
	}
	if json.Unmarshal([]byte(leaf), &form) != nil {
		return Checkpoint{}, 0
	}
	last, err := ParseCheckpoint(form.Last)
	if err != nil || string(GenerationLeaf(form.Generation, last)) != leaf {
		return Checkpoint{}, 0
	}
	return last, form.Generation
}

// hashSet returns the hashes of a page by index.
func (p Evidence) hashSet() (HashSet, error) {
	set := make(HashSet, len(p.Hashes))
	for _, s := range p.Hashes {
		h, err := tlog.ParseHash(s.Hash)
		if err != nil || s.Index < 0 {
			return nil, &Fault{Of: p.ReleaseID, What: fmt.Sprintf("hash %d of the tree is not a hash: %q.", s.Index, s.Hash)}
		}
		set[int64(s.Index)] = h
	}
	return set, nil
}

// proved checks that a leaf is at the given index in the checkpoint's tree.
func (v *verification) proved(hashes HashSet, index int64, leaf tlog.Hash) error {
	proof, err := tlog.ProveRecord(v.checkpoint.Size, index, hashes)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, v.checkpoint.Size, v.checkpoint.Root, index, leaf)
}

// prove checks each entry by itself: that it belongs to the log it is in, that its values
// match the hashes in its bytes, and that its leaf is in the tree.
func (v *verification) prove(pages []Evidence) error {
	for _, p := range pages {
		hashes, err := p.hashSet()
		if err != nil {
			return err
		}
		for _, given := range p.Entries {
			log := v.logs[logName{given.Kind, given.Of}]
			if log == nil {
				return &Fault{Of: given.Of, Key: given.Key, What: "it is in none of the logs that the evidence is about."}
			}
			e, err := v.proveEntry(given, hashes)
			if err != nil {
				return err
			}
			if e.Bytes != "" {
				e.erasures(log)
			}
			log.entries = append(log.entries, e)
		}
	}
	return nil
}

func (v *verification) proveEntry(given EvidenceEntry, hashes HashSet) (provedEntry, error) {
	e := provedEntry{EvidenceEntry: given}
	sealed := given.Leaf != ""
	if sealed {
		leaf, err := ParseLeaf([]byte(given.Leaf))
		if err != nil {
			return e, e.fault("its leaf cannot be read: %q.", given.Leaf)
		}
		e.leaf, e.kind = &leaf, leaf.Kind
		if leaf.Of != e.Of || leaf.Key != e.Key {
			return e, e.fault("its leaf is that of entry %s of %s: it was moved.", leaf.Key, leaf.Of)
		}
	}
	switch {
	case e.Bytes != "":
		if err := e.read(); err != nil {
			return e, err
		}
	case sealed && e.kind != release.LogNote:
		return e, e.fault("only its leaf is left. Only notes are trimmed, and it was sealed as %q.", e.kind)
	case !sealed:
		return e, e.fault("it has neither bytes nor a leaf. An entry that was written before 2026-11-26 is sealed, with what it says then, minutes after the next entry of %s is written: until then nothing proves it.", e.Of)
	}
	if !sealed {
		return e, nil
	}
	if e.Bytes != "" && e.leaf.Sum != SumOf(e.Bytes) {
		return e, e.fault("its bytes are not those that were sealed: their SHA-256 is %s, and the leaf has %s.", SumOf(e.Bytes), e.leaf.Sum)
	}
	if int64(e.Index) >= v.checkpoint.Size || e.Index < 0 {
		return e, e.fault("it was sealed as leaf %d, and the tree has %d leaves: the end of the tree was cut off, or its table was restored to an earlier moment.", e.Index, v.checkpoint.Size)
	}
	if err := v.proved(hashes, int64(e.Index), e.leaf.Hash()); err != nil {
		return e, e.fault("it is not what was sealed as leaf %d of the tree. What it says, its author, its time, its key or its place in the order was changed after it was sealed, or the tree was.", e.Index)
	}
	if e.Bytes != "" && !e.leaf.TakenOver {
		switch late := e.leaf.SealedAt.Sub(e.at); {
		case late > v.within:
			return e, e.fault("it says that it was written on %s, but was sealed on %s, %s later. Either it was added later than it says, or the sealer had stopped, which its alarm would have reported.",
				e.at.Format(time.RFC3339), e.leaf.SealedAt.Format(time.RFC3339), late.Round(time.Second))
		case -late > v.within:
			return e, e.fault("it says that it was written on %s, but was sealed on %s, before that.", e.at.Format(time.RFC3339), e.leaf.SealedAt.Format(time.RFC3339))
		}
	}
	return e, nil
}

// read checks the bytes of an entry against its log and key, and its values against the bytes.
func (e *provedEntry) read() error {
	var f form
	if err := json.Unmarshal([]byte(e.Bytes), &f); err != nil {
		return e.fault("its bytes cannot be read as an entry.")
	}
	at, err := time.Parse(timeLayout, f.At)
	switch {
	case err != nil || f.Version != 1:
		return e.fault("its bytes cannot be read as an entry.")
	case f.Of != e.Of:
		return e.fault("it is an entry of %s, but is in the log of %s: it was moved there.", f.Of, e.Of)
	case f.Key != e.Key:
		return e.fault("it was written as entry %s, but is elsewhere in the order: its key was changed.", f.Key)
	case e.leaf != nil && f.Kind != e.kind:
		return e.fault("it is of the kind %q, and was sealed as %q.", f.Kind, e.kind)
	}
	e.at, e.kind = at, f.Kind
	hashes := f.hashes()
	for _, value := range e.Values {
		want, known := hashes[value.Name]
		got, err := value.hash()
		switch {
		case !known:
			return e.fault("a value %q comes with it that its bytes do not mention.", value.Name)
		case err != nil || got != want:
			return e.fault("its %s is not the one that was written: it was changed.", nameOfValue(value.Name, f))
		}
		delete(hashes, value.Name)
	}
	for name := range hashes {
		e.lost = append(e.lost, name)
	}
	slices.Sort(e.lost)
	return nil
}

// hashes returns the hashes of the values that an entry has, or had, by name.
func (f form) hashes() map[string]hash {
	all := map[string]hash{"subject": f.Subject, "author": f.Author, "email": f.Email, "text": f.Text}
	for n, c := range f.Changes {
		all[toName(n)], all[wasName(n)] = c.To, c.Was
	}
	if f.Hold != nil {
		all["holder"] = f.Hold.Holder
	}
	for name, h := range all {
		if h == "" {
			delete(all, name)
		}
	}
	return all
}

// nameOfValue names a value in words for an auditor.
func nameOfValue(name string, f form) string {
	for n, c := range f.Changes {
		switch name {
		case toName(n):
			return "new value of " + c.Field
		case wasName(n):
			return "fingerprint of what " + c.Field + " was before"
		}
	}
	return map[string]string{"subject": "author's subject", "author": "author", "email": "author's address", "text": "text", "holder": "holder"}[name]
}

func (e provedEntry) erasures(log *provedLog) {
	var f form
	if e.kind != release.LogErasure || json.Unmarshal([]byte(e.Bytes), &f) != nil || f.Erased == nil || f.Erased.Entry == e.Key {
		return // what erases itself hides who erased
	}
	number := math.MaxInt // an unsealed entry comes after all sealed ones
	if e.leaf != nil {
		number = e.leaf.K
	}
	for _, name := range f.Erased.Values {
		log.erased[f.Erased.Entry+" "+name] = number
	}
}

func join(all []string) string { return strings.Join(all, ", ") }
