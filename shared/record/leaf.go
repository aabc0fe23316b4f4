package record

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"example.com/releases/shared/release"
)

// TileHeight is the height of the tiles in which the tree's hashes are stored: 64 hashes, 2 KB,
// each. A lower tile would mean more items to read for a proof, a higher one more bytes to
// rewrite each time a leaf is added.
const TileHeight = 6

// Leaf is what the tree holds for an entry. Its bytes are one line of JSON, the fields in this
// order, without white space and without HTML escaping:
//
//	{"v":1,"of":"REL-2026-Q2-001","k":3,"key":"e0001.000000000002","kind":"note","sealedAt":"2026-11-26T19:45:00.000Z","sha256":"…"}
//
// The leaf of an entry that is older than sealing ends with "takenOver":true.
type Leaf struct {
	// Of is the release or change request whose log the entry is in; Key is its key there.
	Of string
	// K numbers the leaves of that release or change request from 1, without a gap, so that a
	// missing or duplicated leaf is noticed.
	K   int
	Key string
	// Kind repeats the entry's kind: a note may be trimmed once enough newer ones exist, and
	// the leaf must still say that it was a note.
	Kind release.LogKind
	// SealedAt is when the entry was sealed, to the millisecond.
	SealedAt time.Time
	// Sum is SumOf the entry's bytes.
	Sum string
	// TakenOver marks an entry that is older than sealing: nothing proves what it said before
	// it was sealed. Within one log such leaves come first.
	TakenOver bool
}

type leafForm struct {
	Version   int             `json:"v"`
	Of        string          `json:"of"`
	K         int             `json:"k"`
	Key       string          `json:"key"`
	Kind      release.LogKind `json:"kind"`
	SealedAt  string          `json:"sealedAt"`
	Sum       string          `json:"sha256"`
	TakenOver bool            `json:"takenOver,omitempty"`
}

// Bytes returns what is hashed into the tree.
func (l Leaf) Bytes() []byte {
	return []byte(marshal(leafForm{
		Version: 1, Of: l.Of, K: l.K, Key: l.Key, Kind: l.Kind,
		SealedAt: l.SealedAt.UTC().Format(timeLayout), Sum: l.Sum, TakenOver: l.TakenOver,
	}))
}

// Hash is the leaf's hash in the tree, as RFC 6962 defines it.
func (l Leaf) Hash() tlog.Hash { return tlog.RecordHash(l.Bytes()) }

// ParseLeaf reads the bytes of a leaf. It accepts only what Bytes writes.
func ParseLeaf(b []byte) (Leaf, error) {
	var f leafForm
	if err := json.Unmarshal(b, &f); err != nil {
		return Leaf{}, fmt.Errorf("record: a leaf is not in its form: %w", err)
	}
	at, err := time.Parse(timeLayout, f.SealedAt)
	if err != nil {
		return Leaf{}, fmt.Errorf("record: the time of a leaf: %w", err)
	}
	l := Leaf{Of: f.Of, K: f.K, Key: f.Key, Kind: f.Kind, SealedAt: at, Sum: f.Sum, TakenOver: f.TakenOver}
	if string(l.Bytes()) != string(b) {
		return Leaf{}, errors.New("record: a leaf is not in its form")
	}
	return l, nil
}

// SumOf returns the SHA-256 of an entry's bytes as a leaf holds it: in base64, without
// padding.
func SumOf(entryBytes string) string {
	sum := sha256.Sum256([]byte(entryBytes))
	return base64.RawStdEncoding.EncodeToString(sum[:])
}

// GenerationLeaf returns the first leaf of every generation after the first: it holds the last
// known checkpoint of the generations before.
//
//	{"v":1,"generation":2,"last":"releases-record/…/1\n17\n…\n"}
func GenerationLeaf(generation int, last Checkpoint) []byte {
	return []byte(marshal(struct {
		Version    int    `json:"v"`
		Generation int    `json:"generation"`
		Last       string `json:"last"`
	}{1, generation, last.String()}))
}
