package record

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// TileID names a tile: its level counts from the leaves' up, its number from the oldest on.
type TileID struct {
	Level  int
	Number int64
}

func tileOf(index int64) (tlog.Tile, TileID) {
	t := tlog.TileForIndex(TileHeight, index)
	return t, TileID{Level: t.L, Number: t.N}
}

// Tiles are stored hashes of a tree: each tile has up to 64, one after another. The last
// tile of a level grows until it is full. Tiles are a tlog.HashReader.
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

// WantedTiles collects which tiles a computation reads, so that they can be fetched
// together: it is run with these first, and then again with the tiles. They are a
// tlog.HashReader, of hashes that mean nothing.
type WantedTiles map[TileID]bool

// ReadHashes notes which tiles the hashes are in.
func (w WantedTiles) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	for _, index := range indexes {
		_, id := tileOf(index)
		w[id] = true
	}
	return make([]tlog.Hash, len(indexes)), nil
}

// EdgeTiles are the tiles that tell the root of a tree, and that it grows from.
func EdgeTiles(size int64) WantedTiles {
	wanted := WantedTiles{}
	if _, err := tlog.TreeHash(size, wanted); err != nil {
		panic("record: " + err.Error()) // it reads all that is asked for
	}
	return wanted
}

// GrownTiles is how many tiles are written when a tree grows.
func GrownTiles(size, grown int64) int { return len(tlog.NewTiles(TileHeight, size, grown)) }

// Grow adds leaves to a tree, of which t holds the EdgeTiles. It returns the root of the
// grown tree and the tiles to be written. Tiles that do not give the root that the tree had
// are an error: somebody changed them, or the root.
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
