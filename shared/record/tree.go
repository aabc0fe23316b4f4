package record

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// TileID identifies a tile: levels count upwards from the leaves, numbers from the oldest
// tile.
type TileID struct {
	Level  int
	Number int64
}

func tileOf(index int64) (tlog.Tile, TileID) {
	t := tlog.TileForIndex(TileHeight, index)
	return t, TileID{Level: t.L, Number: t.N}
}

// Tiles are the stored hashes of a tree; a tile is up to 64 hashes, concatenated. The last
// tile of a level grows until it is full. Tiles implements tlog.HashReader.
type Tiles map[TileID][]byte

// ReadHashes reads hashes by their index in the tree.
func (t Tiles) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for n, index := range indexes {
		tile, id := tileOf(index)
		data := t[id]
		tile.W = len(data) / tlog.HashSize
		h, err := tlog.HashFromTile(tile, data, index)
		if err != nil {
			return nil, fmt.Errorf("record: tile %d of level %d does not hold hash %d: %w", id.Number, id.Level, index, err)
		}
		hashes[n] = h
	}
	return hashes, nil
}

// WantedTiles collects which tiles a computation reads, so that they can be fetched together:
// the computation runs once with WantedTiles, whose hashes are all zero, and then again with
// the fetched tiles. It implements tlog.HashReader.
type WantedTiles map[TileID]bool

// ReadHashes notes which tiles the hashes are in.
func (w WantedTiles) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	for _, index := range indexes {
		_, id := tileOf(index)
		w[id] = true
	}
	return make([]tlog.Hash, len(indexes)), nil
}

// EdgeTiles returns the tiles that are needed to compute a tree's root and to append to it.
func EdgeTiles(size int64) WantedTiles {
	wanted := WantedTiles{}
	if _, err := tlog.TreeHash(size, wanted); err != nil {
		panic("record: " + err.Error()) // WantedTiles never fails
	}
	return wanted
}

// GrownTiles is how many tiles are written when a tree grows.
func GrownTiles(size, grown int64) int { return len(tlog.NewTiles(TileHeight, size, grown)) }

// Grow appends leaves to a tree whose EdgeTiles are in t. It returns the new root and the
// tiles to write. It fails where the tiles do not yield the root that the tree is said to
// have: somebody has changed them or the root.
func (t Tiles) Grow(size int64, root tlog.Hash, leaves [][]byte) (tlog.Hash, Tiles, error) {
	added := map[int64]tlog.Hash{}
	both := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for n, index := range indexes {
			h, found := added[index]
			if !found {
				stored, err := t.ReadHashes([]int64{index})
				if err != nil {
					return nil, err
				}
				h = stored[0]
			}
			hashes[n] = h
		}
		return hashes, nil
	})
	was, err := tlog.TreeHash(size, t)
	switch {
	case err != nil:
		return tlog.Hash{}, nil, err
	case was != root:
		return tlog.Hash{}, nil, fmt.Errorf("record: the tiles of the tree of %d leaves give the root %s, not %s", size, was, root)
	}
	for n, leaf := range leaves {
		at := size + int64(n)
		hashes, err := tlog.StoredHashes(at, leaf, both)
		if err != nil {
			return tlog.Hash{}, nil, err
		}
		for offset, h := range hashes {
			added[tlog.StoredHashIndex(0, at)+int64(offset)] = h
		}
	}
	grown := size + int64(len(leaves))
	if root, err = tlog.TreeHash(grown, both); err != nil {
		return tlog.Hash{}, nil, err
	}
	written := Tiles{}
	for _, tile := range tlog.NewTiles(TileHeight, size, grown) {
		if written[TileID{Level: tile.L, Number: tile.N}], err = tlog.ReadTileData(tile, both); err != nil {
			return tlog.Hash{}, nil, err
		}
	}
	return root, written, nil
}

// EmptyRoot is the root of a tree without leaves.
func EmptyRoot() tlog.Hash {
	root, err := tlog.TreeHash(0, nil)
	if err != nil {
		panic("record: " + err.Error()) // nothing is read
	}
	return root
}
