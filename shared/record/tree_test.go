package record

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// rootOf computes the root as RFC 6962, 2.1 defines it: the tree is split at the largest power of two
// below its size.
func rootOf(leaves []tlog.Hash) tlog.Hash {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leaves[0]
	}
	half := 1
	for 2*half < len(leaves) {
		half *= 2
	}
	left, right := rootOf(leaves[:half]), rootOf(leaves[half:])
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

// A tree that grows in steps of all sizes, until it has tiles of three levels, and each time from the
// tiles at its edge alone, has the root of the RFC, and proofs of its leaves.
func TestGrow_InSteps_IsTheTreeOfTheRFC(t *testing.T) {
	var leaves []tlog.Hash
	var texts [][]byte
	stored, root := Tiles{}, EmptyRoot()
	if want := rootOf(nil); root != want {
		t.Fatalf("the empty tree has the root %s, want %s", root, want)
	}
	for step := 1; len(leaves) < 64*64+200; step = step*2%97 + 1 {
		edge := Tiles{}
		for id := range EdgeTiles(int64(len(leaves))) {
			edge[id] = stored[id]
		}
		size := int64(len(leaves))
		for n := range step {
			texts = append(texts, fmt.Append(nil, size, n))
			leaves = append(leaves, tlog.RecordHash(texts[len(texts)-1]))
		}
		var written Tiles
		var err error
		root, written, err = edge.Grow(size, root, texts[size:])
		if err != nil {
			t.Fatalf("from %d by %d: %v", size, step, err)
		}
		if len(written) != GrownTiles(size, int64(len(leaves))) {
			t.Errorf("%d tiles were written, and GrownTiles says %d", len(written), GrownTiles(size, int64(len(leaves))))
		}
		maps.Copy(stored, written)
		if want := rootOf(leaves); root != want {
			t.Fatalf("%d leaves have the root %s, want %s", len(leaves), root, want)
		}
	}
	size := int64(len(leaves))
	for _, n := range []int64{0, 63, 64, 4095, 4096, size - 1} {
		wanted := WantedTiles{}
		if _, err := tlog.ProveRecord(size, n, wanted); err != nil {
			t.Fatal(err)
		}
		needed := Tiles{}
		for id := range wanted {
			needed[id] = stored[id]
		}
		proof, err := tlog.ProveRecord(size, n, needed)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckRecord(proof, size, root, n, leaves[n]); err != nil {
			t.Errorf("the proof of leaf %d does not hold: %v", n, err)
		}
	}
}

// A tree that was tampered with is not grown, since its new root would vouch for what was done.
func TestGrow_TileOrRootChanged_IsRefused(t *testing.T) {
	leaves := [][]byte{[]byte("1"), []byte("2"), []byte("3")}
	root, tiles, err := Tiles{}.Grow(0, EmptyRoot(), leaves)
	if err != nil {
		t.Fatal(err)
	}
	id := TileID{}
	text := tiles[id]
	for what, changed := range map[string][]byte{
		"cut": text[:64], "none": nil, "changed": append([]byte{text[0] ^ 1}, text[1:]...),
	} {
		if _, _, err := (Tiles{id: changed}).Grow(3, root, leaves); err == nil || !strings.Contains(err.Error(), "tile") {
			t.Errorf("with a tile that is %s: %v, want an error about the tile", what, err)
		}
	}
	if _, _, err := tiles.Grow(3, tlog.RecordHash(nil), leaves); err == nil {
		t.Error("the tree grows from a root that is not that of its tiles")
	}
	if _, _, err := tiles.Grow(3, root, leaves); err != nil {
		t.Errorf("an intact tree does not grow: %v", err)
	}
}
