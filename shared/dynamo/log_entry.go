package dynamo

import (
	"context"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/glyph"
	"example.com/releases/shared/record"
	"example.com/releases/shared/release"
)

// entryItem is an entry as an item: its bytes, the values beside them, and its kind once
// more for filters. of is the release or change request, partition is that of its log. It waits to be
// sealed, see seal.go.
func entryItem(partition, of, sk string, e release.LogEntry, w Write) item {
	form := record.Encode(of, sk, e)
	values := item{}
	for name, v := range form.Values {
		values[name] = &types.AttributeValueMemberB{Value: v}
	}
	i := key(partition, sk)
	i["entry"], i["values"] = text(form.Bytes), &types.AttributeValueMemberM{Value: values}
	i["what"], i["request"] = text(string(e.Kind)), text(w.Request) // not "kind": the index on that is for releases
	i[unsealedKey], i[unsealedSince] = text("1"), millisValue(w.At)
	return i
}

// entryAction is an entry of a release's log as a further action of the write that it is
// about. It needs no condition: no other write uses its key, and the write's conditions
// are on the release.
func (s *Store) entryAction(id, sk string, e release.LogEntry, w Write) types.TransactWriteItem {
	return putAction(s.tables.Releases, entryItem(logPrefix+id, id, sk, e, w), newExpression())
}

// decodeEntry reads an entry, also one stored before entries had kinds.
func decodeEntry(ctx context.Context, i item) release.LogEntry {
	sk := verbatim(i, "sk")
	if !has(i, "entry") {
		return legacyEntry(i)
	}
	form := record.Entry{Bytes: verbatim(i, "entry"), Values: map[string][]byte{}}
	values := mapOf(i, "values")
	for name := range values {
		form.Values[name] = bytesOf(values, name)
	}
	e, err := form.Decode()
	if err != nil {
		// Somebody changed the item by hand. The rest of the log is shown all the same.
		slog.ErrorContext(ctx, "an entry of a log cannot be read", "log", verbatim(i, "pk"), "entry", sk, "error", err)
		e.Kind = release.LogKind(str(i, "what"))
	}
	e.ID, e.Legacy = logID(sk), isLegacySort(sk)
	if e.Hold != nil {
		e.Hold.Holder = glyph.Clean(e.Hold.Holder)
	}
	if e.Erased != nil {
		e.Erased.Entry = logID(e.Erased.Entry)
	}
	e.Author, e.AuthorEmail, e.Subject, e.Text = glyph.Clean(e.Author), glyph.Clean(e.AuthorEmail), glyph.Clean(e.Subject), glyph.Clean(e.Text)
	return e
}

// legacyEntry is an entry as it was stored before 2026-11-26.
func legacyEntry(i item) release.LogEntry {
	sk := verbatim(i, "sk")
	e := release.LogEntry{ID: logID(sk), Kind: legacyKind(sk), Legacy: true}
	legacyFields(&attributes{item: i, reading: true}, &e)
	return e
}

// legacyFields are what such an entry holds.
func legacyFields(a *attributes, e *release.LogEntry) {
	a.millis("at", &e.Timestamp)
	a.text("author", &e.Author)
	a.text("email", &e.AuthorEmail)
	a.text("text", &e.Text)
	word(a, "entered", &e.Status)
}

// creationAction is the first entry of a release's log: the whole plan, and the change
// requests it was created with. In the answer the entry has no plan, since the release
// itself has it.
func (s *Store) creationAction(d *ReleaseDetail, by release.Stamp) types.TransactWriteItem {
	e := release.EntryBy(release.LogCreated, "Created", by)
	e.ID, e.Status, e.Added = logID(createdSort), release.Planned, scoped(d.Links)
	d.Log = []release.LogEntry{e}
	e.Changes = record.PlanChanges(release.Plan{}, d.Release.Plan)
	return s.entryAction(d.Release.ID, createdSort, e, Write{Stamp: by})
}

func scoped(links []release.LinkedChange) []release.ScopedChange {
	var all []release.ScopedChange
	for _, l := range links {
		all = append(all, release.ScopedChange{ID: l.ID, CABDecision: l.CABDecision})
	}
	return all
}
