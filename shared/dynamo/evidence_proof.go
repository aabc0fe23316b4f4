package dynamo

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"example.com/releases/shared/record"
	"example.com/releases/shared/release"
)

// prove reads the head of the tree, and the hashes by which the page's entries are in the
// tree of its checkpoint: first it learns which they are, then it reads them together, and
// then it proves from what it has read.
func (s *Store) prove(ctx context.Context, p *evidencePage, since int64) error {
	head, err := s.headOrNone(ctx)
	if err != nil {
		return err
	}
	checkpoint := head
	if pinned := p.at.checkpoint; pinned != nil {
		if pinned.Size > head.Size {
			return badCursor()
		}
		checkpoint = *pinned
	}
	p.asOf(checkpoint.Size, head.Size)
	if err := s.restoreLeaves(ctx, p, checkpoint.Origin.Generation); err != nil {
		return err
	}
	if since > checkpoint.Size {
		since = 0 // there is no such proof; what that means, the verifier says
	}
	leaves := p.leaves(checkpoint.Size)
	needed, err := record.Needed(checkpoint.Size, leaves, since)
	if err != nil {
		return err
	}
	tiles, err := s.tilesOf(ctx, needed)
	if err != nil {
		return err
	}
	tree := tiles.Damaged()
	if p.Hashes, err = record.ProofHashes(tree, checkpoint.Size, leaves); err != nil {
		return err
	}
	if since > 0 {
		if p.Since, err = record.ProveSince(tree, checkpoint.Size, since); err != nil {
			return err
		}
	}
	p.Checkpoint, p.NextCursor = checkpoint.String(), p.at.seal(p.ReleaseID, p.logs, checkpoint)
	return nil
}

// headOrNone reads the head of the tree, and where nothing has ever been sealed one that
// says so: entries that wait are no error.
func (s *Store) headOrNone(ctx context.Context) (record.Checkpoint, error) {
	head, err := s.Checkpoint(ctx)
	if release.IsKind(err, release.KindNotFound) {
		return record.Checkpoint{Origin: record.Origin{Installation: "none", Generation: 1}, Root: record.EmptyRoot()}, nil
	}
	return head, err
}

// asOf takes away from a later page what was sealed after the first one, which is of
// another tree than the page's. What says that it stands where the tree has never been
// stays: somebody changed it.
func (p *evidencePage) asOf(size, head int64) {
	later := func(e record.EvidenceEntry) bool { return int64(e.Index) >= size && int64(e.Index) < head }
	p.Entries = slices.DeleteFunc(p.Entries, func(e record.EvidenceEntry) bool { return e.Bytes == "" && e.Leaf != "" && later(e) })
	for n := range p.Entries {
		e := &p.Entries[n]
		if later(*e) {
			e.Leaf, e.Index = "", record.NotSealed
		}
		if e.Leaf == "" {
			p.Unsealed++
		}
	}
}

// leaves are the places in the tree that the page proves.
func (p *evidencePage) leaves(size int64) []int64 {
	var all []int64
	add := func(index int) {
		if index >= 0 && int64(index) < size {
			all = append(all, int64(index))
		}
	}
	for _, r := range p.Restores {
		add(r.Index)
	}
	for _, e := range p.Entries {
		add(e.Index)
	}
	return all
}

// restoreLeaves reads the leaf with which each generation but the first begins.
func (s *Store) restoreLeaves(ctx context.Context, p *evidencePage, generation int) error {
	var keys []item
	for n := 2; n <= generation; n++ {
		keys = append(keys, key(generationPrefix+strconv.Itoa(n), mainSort))
	}
	found, err := s.batchGet(ctx, s.tables.Record, keys)
	if err != nil {
		return err
	}
	for _, i := range found {
		p.Restores = append(p.Restores, record.RestoreLeaf{Leaf: verbatim(i, "leaf"), Index: num(i, "i")})
	}
	slices.SortFunc(p.Restores, func(a, b record.RestoreLeaf) int { return a.Index - b.Index })
	return nil
}

// tilesOf reads the tiles that hold hashes of the tree, as far as they are there.
func (s *Store) tilesOf(ctx context.Context, hashes []int64) (record.Tiles, error) {
	wanted := record.WantedTiles{}
	if _, err := wanted.ReadHashes(hashes); err != nil {
		return nil, err
	}
	keys := make([]item, 0, len(wanted))
	for id := range wanted {
		keys = append(keys, tileKey(id))
	}
	found, err := s.batchGet(ctx, s.tables.Record, keys)
	if err != nil {
		return nil, err
	}
	tiles := record.Tiles{}
	for _, i := range found {
		id, data := tileOf(i)
		tiles[id] = data
	}
	if len(tiles) < len(wanted) {
		slog.ErrorContext(ctx, "tiles of the record's tree are missing", "wanted", len(wanted), "found", len(tiles))
	}
	return tiles, nil
}

// evidencePosition is where the reading of evidence stands, and the checkpoint that its
// first page was of.
type evidencePosition struct {
	log        int
	after      string
	checkpoint *record.Checkpoint
}

// scopeOf tells two sets of logs apart.
func scopeOf(logs []evidenceLog) string {
	sum := sha256.New()
	for _, l := range logs {
		_, _ = sum.Write([]byte(l.partition + "\n")) // never fails
	}
	return base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:12])
}

func (p evidencePosition) seal(id string, logs []evidenceLog, c record.Checkpoint) string {
	if p.log == len(logs) {
		return ""
	}
	return sealCursor(item{
		"pk": text(logs[p.log].partition), "sk": text(p.after), "checkpoint": text(c.String()), "scope": text(scopeOf(logs)),
	}, "evidence="+id)
}

func openEvidenceCursor(cursor, id string, logs []evidenceLog) (evidencePosition, error) {
	at := 0
	var pinned record.Checkpoint
	start, err := openCursor(cursor, "evidence="+id, nil, shape{
		"pk": func(s string) bool {
			at = slices.IndexFunc(logs, func(l evidenceLog) bool { return l.partition == s })
			return at >= 0 || strings.HasPrefix(s, changeLogPrefix)
		},
		"sk": func(s string) bool { return s == "" || isEntryKey(s) },
		"checkpoint": func(s string) bool {
			var err error
			pinned, err = record.ParseCheckpoint(s)
			return err == nil && pinned.String() == s
		},
		"scope": func(s string) bool { return s != "" },
	})
	switch {
	case err != nil || start == nil:
		return evidencePosition{}, err
	case verbatim(start, "scope") != scopeOf(logs):
		e := badCursor()
		e.Detail = "The change requests of the release have changed since the first page: fetch the evidence from its beginning."
		return evidencePosition{}, e
	case at < 0:
		return evidencePosition{}, badCursor()
	}
	return evidencePosition{log: at, after: verbatim(start, "sk"), checkpoint: &pinned}, nil
}
