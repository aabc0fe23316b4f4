package record

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Evidence is one page of what proves a release's record, and those of its change requests:
// the entries with their bytes, their leaves, and the hashes by which the leaves are shown to be
// in the tree of one checkpoint. All pages of one evidence document refer to the same
// checkpoint.
type Evidence struct {
	Version    int             `json:"evidenceVersion" doc:"The version of this form: 1."`
	ReleaseID  string          `json:"releaseId" doc:"The release."`
	MadeAt     string          `json:"madeAt" doc:"When this page was made."`
	Checkpoint string          `json:"checkpoint" doc:"The tree that everything here is proved to be in, the same on all pages: origin, size and root, a line each (C2SP tlog-checkpoint)."`
	Since      *SinceProof     `json:"sinceProof,omitempty" doc:"The proof that an older tree is the beginning of this one, where 'since' asked for it."`
	Restores   []RestoreLeaf   `json:"restores,omitempty" doc:"The first leaf of each generation after the first: a restore of the tables begins one, and the leaf holds the last checkpoint that was known before."`
	Logs       []LogCount      `json:"logs" doc:"The logs that belong to the evidence, the release's own first, and how many leaves each has."`
	Entries    []EvidenceEntry `json:"entries" doc:"The entries of this page."`
	Hashes     []StoredHash    `json:"hashes" doc:"The hashes of the tree that the proofs of this page need, each once."`
	Unsealed   int             `json:"unsealed" doc:"How many entries of this page are not sealed yet: that takes a minute or two."`
	NextCursor string          `json:"nextCursor,omitempty" doc:"What to send as 'cursor' for the next page; there is none on the last."`
}

// SinceProof proves that the tree with Size leaves is a prefix of the checkpoint's tree (RFC
// 6962, 2.1.2).
type SinceProof struct {
	Size  int      `json:"size" doc:"How many leaves the older tree had."`
	Proof []string `json:"proof" doc:"The hashes of the proof (RFC 6962, 2.1.2), in base64."`
}

// RestoreLeaf is a leaf that stands for no entry but for a restore; see GenerationLeaf.
type RestoreLeaf struct {
	Leaf  string `json:"leaf" doc:"The bytes of the leaf."`
	Index int    `json:"index" doc:"Its place in the tree, from 0."`
}

// LogCount names a log and says how many leaves it has.
type LogCount struct {
	Of     string `json:"of" doc:"The id of the release or change request."`
	Kind   string `json:"kind" doc:"Whether it is the log of a 'release' or of a 'change'."`
	Sealed int    `json:"sealed" doc:"How many entries were sealed when the first page was made."`
	From   string `json:"sealedFrom,omitempty" doc:"When entries older than sealing were taken over as they were then; nothing before that time is proved."`
}

// The kinds of logs.
const (
	ReleaseLog = "release"
	ChangeLog  = "change"
)

// EvidenceEntry is an entry as it is stored in its log. A trimmed note has only its leaf and
// index left; an entry that is not sealed yet has neither.
type EvidenceEntry struct {
	Of     string        `json:"of" doc:"The id of the release or change request whose log it is in."`
	Kind   string        `json:"kind" doc:"Whether that is the log of a 'release' or of a 'change'."`
	Key    string        `json:"key" doc:"Its place there."`
	Bytes  string        `json:"bytes,omitempty" doc:"The entry, byte for byte; left out for a note that was trimmed."`
	Values []SaltedValue `json:"values,omitempty" doc:"The texts and names of which the bytes hold hashes; what was erased is missing."`
	Leaf   string        `json:"leaf,omitempty" doc:"What the tree holds of it, byte for byte; left out while it is not sealed."`
	Index  int           `json:"index" doc:"The place of its leaf in the tree, from 0; -1 while it is not sealed."`
}

// OlderDecision is the key, in the log of a change request, of what the CAB decided before
// records were kept. The entry is written by the first write that would overwrite that
// decision, long after its own timestamp, so its leaf is always marked as taken over.
const OlderDecision = "0000000000"

// NotSealed is the index of an entry that has no leaf.
const NotSealed = -1

// SaltedValue is a text or name of an entry. The bytes of the entry hold the SHA-256 of the
// salt and the value behind it, in base64.
type SaltedValue struct {
	Name  string `json:"name" doc:"What it is in the entry: 'author', 'email' (the log's 'authorEmail'), 'subject', 'text', or 'to0' and 'was0' of the first changed field."`
	Salt  string `json:"salt" doc:"16 random bytes, in base64."`
	Value string `json:"value" doc:"The text or name."`
}

// StoredHash is a hash of the tree, numbered as in package tlog.
type StoredHash struct {
	Index int    `json:"index" doc:"Its number in the order in which hashes are stored (golang.org/x/mod/sumdb/tlog, StoredHashIndex)."`
	Hash  string `json:"hash" doc:"The hash, in base64."`
}

// StandingValues are the values of an entry as evidence shows them, in the order of their names.
func (e Entry) StandingValues() []SaltedValue {
	all := make([]SaltedValue, 0, len(e.Values))
	for _, name := range slices.Sorted(maps.Keys(e.Values)) {
		v := e.Values[name]
		n := min(saltSize, len(v))
		all = append(all, SaltedValue{Name: name, Salt: base64.StdEncoding.EncodeToString(v[:n]), Value: string(v[n:])})
	}
	return all
}

func (v SaltedValue) hash() (hash, error) {
	salt, err := base64.StdEncoding.DecodeString(v.Salt)
	if err != nil {
		return "", err
	}
	return hashOf(append(salt, v.Value...)), nil
}

// Needed returns the indexes of the stored hashes that prove that leaves are in a tree of the
// given size and, where since is not 0, that the tree of since leaves is a prefix of it. They
// are collected in advance so that they can be read together: a proof reads them leaf by leaf.
func Needed(size int64, leaves []int64, since int64) ([]int64, error) {
	wanted := map[int64]bool{}
	ask := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		for _, i := range indexes {
			wanted[i] = true
		}
		return make([]tlog.Hash, len(indexes)), nil
	})
	if size == 0 {
		return nil, nil
	}
	if _, err := tlog.TreeHash(size, ask); err != nil {
		return nil, err
	}
	for _, n := range leaves {
		if _, err := tlog.ProveRecord(size, n, ask); err != nil {
			return nil, fmt.Errorf("record: the proof of leaf %d of %d: %w", n, size, err)
		}
	}
	if since > 0 {
		if _, err := tlog.ProveTree(size, since, ask); err != nil {
			return nil, fmt.Errorf("record: the proof from %d leaves to %d: %w", since, size, err)
		}
	}
	return slices.Sorted(maps.Keys(wanted)), nil
}

// Damaged reads a tree in which tiles may be missing or truncated. A missing hash is read as
// zero, which proves nothing, so the check of the proof fails and not the reading.
func (t Tiles) Damaged() tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		all := make([]tlog.Hash, len(indexes))
		for n, index := range indexes {
			if one, err := t.ReadHashes([]int64{index}); err == nil {
				all[n] = one[0]
			}
		}
		return all, nil
	})
}

// HashSet holds hashes by their index; it is a tlog.HashReader.
type HashSet map[int64]tlog.Hash

// ReadHashes implements tlog.HashReader; a missing hash is an error.
func (s HashSet) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	all := make([]tlog.Hash, len(indexes))
	for n, i := range indexes {
		h, there := s[i]
		if !there {
			return nil, fmt.Errorf("record: hash %d is missing", i)
		}
		all[n] = h
	}
	return all, nil
}

// ProofHashes reads from a tree of the given size the hashes that prove that leaves are in it.
func ProofHashes(tree tlog.HashReader, size int64, leaves []int64) ([]StoredHash, error) {
	needed, err := Needed(size, leaves, 0)
	if err != nil {
		return nil, err
	}
	found, err := tree.ReadHashes(needed)
	if err != nil {
		return nil, err
	}
	all := make([]StoredHash, len(needed))
	for n, i := range needed {
		all[n] = StoredHash{Index: int(i), Hash: found[n].String()}
	}
	return all, nil
}

// ProveSince returns the proof that the tree of since leaves is a prefix of the tree of size
// leaves.
func ProveSince(tree tlog.HashReader, size, since int64) (*SinceProof, error) {
	proof, err := tlog.ProveTree(size, since, tree)
	if err != nil {
		return nil, err
	}
	p := &SinceProof{Size: int(since), Proof: make([]string, len(proof))}
	for n, h := range proof {
		p.Proof[n] = h.String()
	}
	return p, nil
}
