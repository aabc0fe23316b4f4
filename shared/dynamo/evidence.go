package dynamo

import (
	"context"
	"strings"
	"time"

	"example.com/releases/shared/record"
	"example.com/releases/shared/release"
)

// evidenceBytes bounds a page of evidence, far below the 6 MB that a Lambda function can
// answer with: the last entry, or an item with 99 leaves of trimmed notes, may exceed it, and
// the first page also holds the release with its change requests.
const evidenceBytes = 3 << 20

// proofBytes estimates what the proof of one entry adds to a page: its leaf, and the hashes
// that no other entry needs. In a tree of a million leaves these are up to 18, but most hashes
// are shared.
const proofBytes = 1200

// Evidence reads a page of what proves the record of a release and of its change requests. All
// pages refer to the checkpoint of the first one, which the cursor carries. since is the size
// of an older tree that is to be proved a prefix of it, or 0. The release is nil after the
// first page, and once it is deleted.
//
// The leaf counts are read before the entries, and the entries before the head of the tree: so
// an entry that is counted as sealed is found, and one that is sealed when it is read is in
// the tree.
func (s *Store) Evidence(ctx context.Context, id string, since int64, cursor string, now time.Time) (record.Evidence, *ReleaseDetail, error) {
	detail, err := s.releaseOrItsEnd(ctx, id)
	if err != nil {
		return record.Evidence{}, nil, err
	}
	logs := evidenceLogs(id, detail)
	from, err := openEvidenceCursor(cursor, id, logs)
	if err != nil {
		return record.Evidence{}, nil, err
	}
	page := evidencePage{logs: logs, at: from, limit: evidenceBytes, Evidence: record.Evidence{
		Version: 1, ReleaseID: id, MadeAt: release.FormatTime(now), Logs: []record.LogCount{}, Entries: []record.EvidenceEntry{}, Hashes: []record.StoredHash{},
	}}
	if cursor == "" {
		if page.Logs, err = s.leafCounts(ctx, logs); err != nil {
			return record.Evidence{}, nil, err
		}
	}
	for page.at.log < len(logs) {
		full, err := s.evidenceEntries(ctx, &page)
		if err != nil {
			return record.Evidence{}, nil, pageFailure(err, cursor)
		}
		if full {
			break
		}
		page.at.log, page.at.after = page.at.log+1, ""
	}
	if err := s.prove(ctx, &page, since); err != nil {
		return record.Evidence{}, nil, err
	}
	if cursor != "" {
		detail = nil // it is on the first page only
	}
	return page.Evidence, detail, nil
}

// releaseOrItsEnd reads a release with its links; nil where the release is deleted but its log
// remains.
func (s *Store) releaseOrItsEnd(ctx context.Context, id string) (*ReleaseDetail, error) {
	detail, err := s.ReleaseWithLinks(ctx, id)
	if err == nil || !release.IsKind(err, release.KindNotFound) {
		return &detail, err
	}
	end, readErr := s.get(ctx, s.tables.Releases, key(logPrefix+id, deletedSort))
	switch {
	case readErr != nil:
		return nil, readErr
	case end == nil:
		return nil, err
	}
	return nil, nil
}

// evidenceLog is a partition that evidence is read from.
type evidenceLog struct {
	kind, of, partition string
}

func (l evidenceLog) archive() bool { return strings.HasPrefix(l.partition, leavesPrefix) }

// evidenceLogs lists the release's log, then the leaves of its trimmed notes (after the log,
// so that notes that are trimmed meanwhile are not missed), then the records of its change
// requests.
func evidenceLogs(id string, detail *ReleaseDetail) []evidenceLog {
	logs := []evidenceLog{{record.ReleaseLog, id, logPrefix + id}, {record.ReleaseLog, id, leavesPrefix + id}}
	if detail == nil {
		return logs
	}
	for _, l := range detail.Links {
		logs = append(logs, evidenceLog{record.ChangeLog, l.ID, changeLogPrefix + l.ID})
	}
	return logs
}

// leafCounts reads how many leaves each log has.
func (s *Store) leafCounts(ctx context.Context, logs []evidenceLog) ([]record.LogCount, error) {
	var keys []item
	for _, l := range logs {
		if !l.archive() {
			keys = append(keys, leafCountKey(l.partition))
		}
	}
	found, err := s.batchGet(ctx, s.tables.Record, keys)
	if err != nil {
		return nil, err
	}
	counts := map[string]item{}
	for _, i := range found {
		counts[verbatim(i, "pk")] = i
	}
	var all []record.LogCount
	for _, l := range logs {
		if !l.archive() {
			i := counts[leafCountPrefix+l.partition]
			all = append(all, record.LogCount{Of: l.of, Kind: l.kind, Sealed: num(i, "k"), From: verbatim(i, sealedFrom)})
		}
	}
	return all, nil
}

// evidencePage collects entries until it is full.
type evidencePage struct {
	record.Evidence
	logs        []evidenceLog
	at          evidencePosition
	size, limit int
}

// evidenceEntries continues reading the page's current log, and reports whether the page is
// full.
func (s *Store) evidenceEntries(ctx context.Context, p *evidencePage) (full bool, err error) {
	log := p.logs[p.at.log]
	in := rangeOf(s.tables.Releases, log.partition, ">=", firstEntry)
	if log.kind == record.ChangeLog {
		in = rangeOf(s.tables.Changes, log.partition, ">=", firstEntry)
	}
	if p.at.after != "" {
		in.ExclusiveStartKey = key(log.partition, p.at.after)
	}
	err = s.pages(ctx, in, pageSize, func(items []item, _ item) (bool, error) {
		for _, i := range items {
			if full = p.size >= p.limit; full {
				return false, nil
			}
			if log.archive() {
				p.addLeaves(log, i)
			} else {
				p.addEntry(log, i)
			}
			p.at.after = verbatim(i, "sk")
		}
		return true, nil
	})
	return full, err
}

func (p *evidencePage) addEntry(log evidenceLog, i item) {
	e := record.EvidenceEntry{Of: log.of, Kind: log.kind, Key: verbatim(i, "sk"), Bytes: verbatim(i, "entry"), Index: record.NotSealed}
	form := record.Entry{Values: map[string][]byte{}}
	values := mapOf(i, "values")
	for name := range values {
		form.Values[name] = bytesOf(values, name)
	}
	e.Values = form.StandingValues()
	if leaf, index, ok := sealed(log.of, i); ok {
		e.Leaf, e.Index = string(leaf.Bytes()), int(index)
	}
	p.add(e)
	p.size += sizeOfEntry(i) * 5 / 4 // as JSON in JSON
}

// addLeaves adds the leaves of trimmed notes, which are all that is left of them.
func (p *evidencePage) addLeaves(log evidenceLog, i item) {
	indexes := listOf(i, "indexes")
	for n, leaf := range stringListOf(i, "leaves") {
		e := record.EvidenceEntry{Of: log.of, Kind: log.kind, Leaf: leaf, Index: record.NotSealed}
		if l, err := record.ParseLeaf([]byte(leaf)); err == nil {
			e.Key = l.Key // otherwise the verifier reports that it is not a leaf
		}
		if n < len(indexes) {
			e.Index = num(item{"i": indexes[n]}, "i")
		}
		p.add(e)
	}
}

func (p *evidencePage) add(e record.EvidenceEntry) {
	p.Entries = append(p.Entries, e)
	p.size += proofBytes
}
