package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Kept is what somebody saved earlier: an event from the bus, a checkpoint, or evidence. Only
// a comparison with such a copy reveals that the newest entries were cut off or that the whole
// tree was rebuilt.
type Kept struct {
	Name       string // of the file, for people
	Checkpoint Checkpoint
	ReleaseID  string // whose entries it lists; empty for a checkpoint
	Entries    []KeptEntry
	Count      int // the release had at least this many entries then
}

// KeptEntry is an entry as it was known earlier.
type KeptEntry struct {
	Of, Kind, Key, Sum string
	leaf               string
	index              int
}

// EventRecord is what an event on the bus says about the record.
type EventRecord struct {
	Checkpoint string `json:"checkpoint,omitempty"` // the latest; empty before anything is sealed
	Key        string `json:"key,omitempty"`        // of the event's own entry, where there is one
	Sum        string `json:"sha256,omitempty"`     // of that entry's bytes
	Entries    int    `json:"entries"`              // how many of the release's entries were sealed then
}

// ReadEvidence reads a file of evidence: one page, or several one after another.
func ReadEvidence(name string, data []byte) ([]Evidence, error) {
	var pages []Evidence
	in := json.NewDecoder(bytes.NewReader(data))
	for {
		var p Evidence
		switch err := in.Decode(&p); {
		case errors.Is(err, io.EOF) && len(pages) > 0:
			return pages, nil
		case err != nil || p.Version == 0 || p.ReleaseID == "":
			return nil, fmt.Errorf("%s is not evidence as GET /api/releases/{id}/evidence answers it", name)
		}
		pages = append(pages, p)
	}
}

// ReadKept reads what was saved: a checkpoint as text, an event with or without its envelope,
// or evidence.
func ReadKept(name string, data []byte) (Kept, error) {
	if c, err := ParseCheckpoint(string(data)); err == nil {
		return Kept{Name: name, Checkpoint: c}, nil
	}
	if pages, err := ReadEvidence(name, data); err == nil {
		return keptEvidence(name, pages)
	}
	type event struct {
		Release struct {
			ID string `json:"id"`
		} `json:"release"`
		Record EventRecord `json:"record"`
	}
	var sent struct {
		event
		Detail event `json:"detail"`
	}
	unknown := fmt.Errorf("%s is neither a checkpoint, nor an event of the bus that has one, nor evidence", name)
	if json.Unmarshal(data, &sent) != nil {
		return Kept{}, unknown
	}
	e := sent.Detail
	if e.Record.Checkpoint == "" {
		e = sent.event
	}
	c, err := ParseCheckpoint(e.Record.Checkpoint)
	if err != nil || e.Release.ID == "" {
		return Kept{}, unknown
	}
	k := Kept{Name: name, Checkpoint: c, ReleaseID: e.Release.ID, Count: e.Record.Entries}
	if e.Record.Key != "" {
		k.Entries = []KeptEntry{{Of: e.Release.ID, Kind: ReleaseLog, Key: e.Record.Key, Sum: e.Record.Sum}}
	}
	return k, nil
}

func keptEvidence(name string, pages []Evidence) (Kept, error) {
	c, err := ParseCheckpoint(pages[0].Checkpoint)
	if err != nil {
		return Kept{}, fmt.Errorf("%s: its checkpoint cannot be read: %w", name, err)
	}
	k := Kept{Name: name, Checkpoint: c, ReleaseID: pages[0].ReleaseID}
	for _, p := range pages {
		if p.Checkpoint != pages[0].Checkpoint || p.ReleaseID != k.ReleaseID {
			return Kept{}, fmt.Errorf("%s holds pages of two pieces of evidence: give each in a file of its own", name)
		}
		for _, e := range p.Entries {
			entry := KeptEntry{Of: e.Of, Kind: e.Kind, Key: e.Key, leaf: e.Leaf, index: e.Index}
			if e.Bytes != "" {
				entry.Sum = SumOf(e.Bytes)
			} else if l, err := ParseLeaf([]byte(e.Leaf)); err == nil {
				entry.Sum = l.Sum
			}
			k.Entries = append(k.Entries, entry)
		}
	}
	return k, nil
}

// compare checks evidence against everything that was saved earlier.
func (v *verification) compare(pages []Evidence, kept []Kept) error {
	for _, k := range kept {
		if err := v.compareEntries(k); err != nil {
			return err
		}
		if err := v.compareTree(pages, k); err != nil {
			return err
		}
		v.verdict.Kept = append(v.verdict.Kept, k.Name)
	}
	return nil
}

// compareEntries reports entries that are missing now or have changed.
func (v *verification) compareEntries(k Kept) error {
	if k.ReleaseID != v.verdict.ReleaseID {
		return nil // of another release: only its tree can be compared
	}
	var missing []string
	var sealedAnew error
	for _, was := range k.Entries {
		log := v.logs[logName{was.Kind, was.Of}]
		if log == nil {
			continue // a change request that is no longer linked to the release
		}
		at := slices.IndexFunc(log.entries, func(e provedEntry) bool { return e.Key == was.Key })
		if at < 0 {
			missing = append(missing, was.Of+" "+was.Key)
			continue
		}
		is := log.entries[at]
		sum := SumOf(is.Bytes)
		if is.Bytes == "" {
			sum = is.leaf.Sum
		}
		switch {
		case was.Sum != "" && sum != was.Sum && v.lostByRestore(k, was):
			missing = append(missing, was.Of+" "+was.Key) // a later entry has taken its key
		case was.Sum != "" && sum != was.Sum:
			return is.fault("it is not what it was when %s was kept: its bytes had the SHA-256 %s and now have %s.", k.Name, was.Sum, sum)
		case sealedAnew == nil && was.leaf != "" && (is.Leaf != was.leaf || is.Index != was.index):
			sealedAnew = is.fault("it was sealed as leaf %d when %s was kept, and is sealed as leaf %d, or with another leaf, now: it was sealed again.", was.index, k.Name, is.Index)
		}
	}
	if len(missing) > 0 {
		return &Fault{Of: k.ReleaseID, What: fmt.Sprintf("%d of the entries that %s knows are missing: %s. They were cut off, or a table was restored to an earlier moment.", len(missing), k.Name, join(missing))}
	}
	if sealedAnew != nil {
		return sealedAnew
	}
	if n := len(v.logs[logName{ReleaseLog, k.ReleaseID}].entries); n < k.Count {
		return &Fault{Of: k.ReleaseID, What: fmt.Sprintf("it had %d entries when %s was kept and has %d now: the newest were cut off.", k.Count, k.Name, n)}
	}
	return nil
}

// lostByRestore reports whether an entry was lost because the tables were restored to a point
// in time before it was sealed.
func (v *verification) lostByRestore(k Kept, was KeptEntry) bool {
	begins, later := v.generation[k.Checkpoint.Origin.Generation+1]
	return later && (was.index < 0 || int64(was.index) >= begins)
}

// compareTree checks that the saved tree is a prefix of the current one.
func (v *verification) compareTree(pages []Evidence, k Kept) error {
	was, is := k.Checkpoint, v.checkpoint
	fault := func(format string, args ...any) error {
		return &Fault{What: fmt.Sprintf(format, args...)}
	}
	switch {
	case was.Origin.Installation != is.Origin.Installation:
		return fault("%s is of the installation %s, the evidence of %s: the whole tree was rebuilt, or they do not belong together.", k.Name, was.Origin.Installation, is.Origin.Installation)
	case was.Origin.Generation > is.Origin.Generation:
		return fault("%s is of generation %d of the tree, the evidence of generation %d: it is older than %s, or the tree was restored without a record of it.", k.Name, was.Origin.Generation, is.Origin.Generation, k.Name)
	}
	if begins, later := v.generation[was.Origin.Generation+1]; later && was.Size > begins {
		return fault("after %s was kept, the tables were restored to an earlier moment: leaves %d to %d of that time are no longer part of the record. Evidence that was kept then names the entries that are missing.", k.Name, begins, was.Size-1)
	}
	switch {
	case was.Size > is.Size:
		return fault("the tree had %d leaves when %s was kept and has %d now: its end was cut off, or the evidence is older than %s.", was.Size, k.Name, is.Size, k.Name)
	case was.Size == 0:
		return nil
	case was.Size == is.Size:
		if was.Root != is.Root {
			return fault("the tree of %d leaves is not the one that %s describes: it was rebuilt.", is.Size, k.Name)
		}
		return nil
	}
	at := slices.IndexFunc(pages, func(p Evidence) bool { return p.Since != nil && int64(p.Since.Size) == was.Size })
	if at < 0 {
		return fault("the evidence does not have the proof that connects it with %s. Fetch it with ?since=%d.", k.Name, was.Size)
	}
	proof := make(tlog.TreeProof, len(pages[at].Since.Proof))
	for n, text := range pages[at].Since.Proof {
		h, err := tlog.ParseHash(text)
		if err != nil {
			return fault("the proof that connects the evidence with %s contains %q, which is not a hash.", k.Name, text)
		}
		proof[n] = h
	}
	if err := tlog.CheckTree(proof, is.Size, is.Root, was.Size, was.Root); err != nil {
		return fault("the first %d leaves of the tree are not those that %s describes: what was sealed was changed, and the tree rebuilt.", was.Size, k.Name)
	}
	return nil
}
