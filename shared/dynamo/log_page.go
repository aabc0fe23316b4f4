package dynamo

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/releases/shared/release"
)

// pageBytes bounds the size of a page's entries, far below the 6 MB that a Lambda function
// can answer with: an entry can be 300 KB.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const pageBytes = 3 << 20

const noBytes = math.MaxInt

// LogPage reads a page of the log, newest first, of one kind or of all: the newest notes,
// without older ones that are not trimmed yet, and all other entries. A page holds fewer
// entries than asked for where they are large.
//
// With ofDeleted it also reads the log of a deleted release.
func (s *Store) LogPage(ctx context.Context, id string, kind release.LogKind, limit int, cursor string, ofDeleted bool) ([]release.LogEntry, string, error) {
	if _, err := s.Release(ctx, id); err != nil {
		if !ofDeleted || !release.IsKind(err, release.KindNotFound) {
			return nil, "", err
		}
		end, readErr := s.get(ctx, s.tables.Releases, key(logPrefix+id, deletedSort))
		switch {
		case readErr != nil:
			return nil, "", readErr
		case end == nil:
			return nil, "", err
		}
	}
	return s.logBefore(ctx, id, kind, limit, cursor)
}

// LogBefore reads entries of all kinds, newest first: the newest, or those before a cursor
// that it or LogPage gave out. The caller has read the release.
func (s *Store) LogBefore(ctx context.Context, id string, limit int, cursor string) ([]release.LogEntry, string, error) {
	return s.logBefore(ctx, id, "", limit, cursor)
}

func (s *Store) logBefore(ctx context.Context, id string, kind release.LogKind, limit int, cursor string) ([]release.LogEntry, string, error) {
	list := "log=" + id + "/" + string(kind)
	from, err := openLogCursor(cursor, list, id)
	if err != nil {
		return nil, "", err
	}
	page := entryPage{kind: kind, limit: limit, maxBytes: pageBytes}
	last, err := s.logFrom(ctx, from, &page)
	if err != nil {
		return nil, "", pageFailure(err, cursor)
	}
	return page.entries, last.seal(list), nil
}

// entryPage collects entries of one kind or of all, until they are as many as asked for or
// as large as a page may be.
type entryPage struct {
	kind            release.LogKind
	limit, maxBytes int
	size            int
	entries         []release.LogEntry
}

// add takes an entry if it is of the kind, and tells whether the page goes on.
func (p *entryPage) add(e release.LogEntry, i item) bool {
	if p.kind == "" || e.Kind == p.kind {
		p.entries = append(p.entries, e)
		p.size += sizeOfEntry(i)
	}
	return len(p.entries) < p.limit && p.size < p.maxBytes
}

// newestFirst reads entries from the query's start on, newest first, and calls take for each
// until it returns false because the page is full. It reports whether no entry was left then.
func (s *Store) newestFirst(ctx context.Context, in *dynamodb.QueryInput, p *entryPage, take func(item) bool) (end bool, err error) {
	in.ScanIndexForward = aws.Bool(false)
	for {
		in.Limit = aws.Int32(pageSize) // entries of one kind may be far apart
		if p.kind == "" {
			in.Limit = aws.Int32(int32(p.limit - len(p.entries) + 1)) // one more tells whether there is a next page
		}
		out, err := s.db.Query(ctx, in)
		if err != nil {
			return false, err
		}
		for n, i := range out.Items {
			if !take(i) {
				return n == len(out.Items)-1 && len(out.LastEvaluatedKey) == 0, nil
			}
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return true, nil
		}
	}
}

// logPosition is how far a log has been read, newest first: the last entry read, and the
// number of notes so far.
type logPosition struct {
	id    string
	after string // empty at the beginning
	notes int
	end   bool
}

func (p logPosition) seal(list string) string {
	if p.end {
		return ""
	}
	return sealCursor(item{"pk": text(logPrefix + p.id), "sk": text(p.after), "seen": text(strconv.Itoa(p.notes))}, list)
}

// isEntryKey reports whether a sort key can belong to an entry.
func isEntryKey(s string) bool { return isLegacySort(s) || strings.HasPrefix(s, firstSort) }

func openLogCursor(cursor, list, id string) (logPosition, error) {
	start, err := openCursor(cursor, list, map[string]string{"pk": logPrefix + id}, shape{
		"sk": isEntryKey, "seen": func(s string) bool { return s != "" },
	})
	if err != nil || start == nil {
		return logPosition{id: id}, err
	}
	seen := verbatim(start, "seen")
	notes, err := strconv.Atoi(seen)
	if err != nil || notes < 0 || notes > release.MaxNotes || strconv.Itoa(notes) != seen {
		return logPosition{}, badCursor()
	}
	return logPosition{id: id, after: verbatim(start, "sk"), notes: notes}, nil
}

// logFrom reads entries from a position on, newest first, and returns where it ended. Entries
// from before 2026-11-26, which sort before all others, are read all at once when they are
// reached, because their keys do not give their order.
func (s *Store) logFrom(ctx context.Context, p logPosition, page *entryPage) (logPosition, error) {
	page.entries = []release.LogEntry{}
	take := func(i item) bool {
		e := decodeEntry(ctx, i)
		p.after = verbatim(i, "sk")
		if e.Kind == release.LogNote {
			if p.notes++; p.notes > release.MaxNotes {
				p.notes = release.MaxNotes
				return true // no longer kept, and not trimmed yet
			}
		}
		return page.add(e, i)
	}
	if !isLegacySort(p.after) {
		in := rangeOf(s.tables.Releases, logPrefix+p.id, ">=", firstEntry)
		if p.after != "" {
			in.ExclusiveStartKey = key(logPrefix+p.id, p.after)
		}
		var err error
		p.end, err = s.newestFirst(ctx, in, page, func(i item) bool {
			if isLegacySort(verbatim(i, "sk")) {
				p.after = legacyNoteSort(math.MaxInt32) // the position between new entries and legacy ones
				return false
			}
			return take(i)
		})
		if err != nil || !isLegacySort(p.after) {
			return p, err
		}
	}
	old, err := s.legacyLog(ctx, p.id)
	if err != nil {
		return p, err
	}
	if at := slices.IndexFunc(old, func(i item) bool { return verbatim(i, "sk") == p.after }); at >= 0 {
		old = old[at+1:]
	} else {
		old = slices.DeleteFunc(old, func(i item) bool { return verbatim(i, "sk") >= p.after }) // trimmed meanwhile
	}
	for n, i := range old {
		if !take(i) {
			p.end = n == len(old)-1
			return p, nil
		}
	}
	p.end = true
	return p, nil
}

// legacyLog reads the entries from before 2026-11-26, newest first: by the number of the
// last note before them, and within a number by their times.
func (s *Store) legacyLog(ctx context.Context, id string) ([]item, error) {
	var old []item
	if err := s.items(ctx, rangeOf(s.tables.Releases, logPrefix+id, "<", firstSort), pageSize, func(i item) { old = append(old, i) }); err != nil {
		return nil, err
	}
	slices.SortStableFunc(old, legacyOrder)
	slices.Reverse(old)
	return old, nil
}

// legacyOrder compares entries from before 2026-11-26 by their place in the log.
func legacyOrder(a, b item) int {
	numberA, _, _ := strings.Cut(verbatim(a, "sk"), "#")
	numberB, _, _ := strings.Cut(verbatim(b, "sk"), "#")
	return cmp.Or(strings.Compare(numberA, numberB), strings.Compare(verbatim(a, "at"), verbatim(b, "at")))
}

// firstEntry sorts before every entry of a log.
const firstEntry = "0"

func sizeOfEntry(i item) int {
	size := len(verbatim(i, "entry")) + len(verbatim(i, "text"))
	values := mapOf(i, "values")
	for name := range values {
		size += len(bytesOf(values, name))
	}
	return size
}
