package dynamo

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// IdempotencyKey is the Idempotency-Key of a write: the key, unique to its caller and
// operation, and a digest of the request.
type IdempotencyKey struct {
	Key  string
	Body string
	// table is where the operation stores its idempotency record.
	table string
}

// IdempotencyRecord is stored under a key in the operation's own transaction: what the
// operation returned, as attributes, so that it takes no more room than the items that it
// was made of. An operation of several transactions stores with the first how to go on,
// and with the last its result.
type IdempotencyRecord struct {
	Body string
	// Answer is an answer in JSON, as versions of before 2026-11-27 stored it; nil
	// otherwise. It can go a day after the last of them was replaced.
	Answer []byte

	result, refusal item
	unfinished
}

// unfinished is how far a write in several transactions has come.
type unfinished struct {
	// release is the release that is being created, or to which change requests are
	// being linked; empty once the operation is complete.
	release string
	// added and removed are the change requests that were linked and removed so far,
	// chunks in how many transactions.
	added, removed []string
	chunks         int
}

// idempotencyWindow is how long an answer is repeated. DynamoDB's TTL deletes late, so
// reading checks the expiry itself.
const idempotencyWindow = 24 * time.Hour

const idempotencyPrefix = "IDEM#"

func recordKey(k string) item { return key(idempotencyPrefix+k, mainSort) }

// keepRecordIn sets the table of the write's record: the one the operation writes to
// anyway, so that no function needs permissions on another for it.
func (w Write) keepRecordIn(table string) {
	if w.Idempotency != nil {
		w.Idempotency.table = table
	}
}

// RecordInReleases returns the write with its idempotency record in the Releases table.
// There is a method per table, so that a function links, and may touch, only the table of
// its aggregate.
func (s *Store) RecordInReleases(w Write) Write {
	w.keepRecordIn(s.tables.Releases)
	return w
}

// RecordInChanges is RecordInReleases for change requests.
func (s *Store) RecordInChanges(w Write) Write {
	w.keepRecordIn(s.tables.Changes)
	return w
}

// RecordInTasks is RecordInReleases for tasks.
func (s *Store) RecordInTasks(w Write) Write {
	w.keepRecordIn(s.tables.Tasks)
	return w
}

// recordAction is the write's record as a further action of its transaction, or none;
// result points to what the operation returns.
func (w Write) recordAction(result any) []types.TransactWriteItem {
	return w.goOn(unfinished{}, unfinished{}, result, true)
}

// beginRecord is the record of the first of several transactions, which says how to go on.
func (w Write) beginRecord(begun unfinished) []types.TransactWriteItem {
	return w.goOn(unfinished{}, begun, nil, false)
}

// goOn is the record as a further action of one of several transactions. The first requires
// that the key is unused, each later one that the record says done, so that two tries of one
// request cannot both carry out a chunk. The record then says then, and with the last
// transaction it has the result.
func (w Write) goOn(done, then unfinished, result any, last bool) []types.TransactWriteItem {
	if w.Idempotency == nil {
		return nil
	}
	i := w.newRecord()
	if last {
		i["result"] = encodeResult(result)
	} else {
		unfinishedFields(&attributes{item: i}, &then)
	}
	condition := w.unusedKey()
	if done.chunks > 0 {
		condition = newExpression().equal("body", text(w.Idempotency.Body)).equal("chunks", number(done.chunks))
	}
	return []types.TransactWriteItem{putAction(w.Idempotency.table, i, condition)}
}

func (w Write) newRecord() item {
	i := recordKey(w.Idempotency.Key)
	i["body"] = text(w.Idempotency.Body)
	i["expiresAt"] = unix(w.At.Add(idempotencyWindow))
	return i
}

// unusedKey is the condition that the key was not used before; expiry goes by the write's
// clock.
func (w Write) unusedKey() *expression {
	e := newExpression()
	e.conditions = append(e.conditions, "attribute_not_exists("+e.name("pk")+") OR "+
		e.name("expiresAt")+" <= "+e.value(&types.AttributeValueMemberN{Value: strconv.FormatInt(w.At.Unix(), 10)}))
	return e
}

// keyInUse is the error of a write whose key was used before; the operation then answers
// from the record.
func keyInUse() error {
	return release.Fail(release.KindConflict, "request-in-progress",
		"Another request with this idempotency key is being carried out.")
}

// FindIdempotencyRecord returns the record of the write's key; nil where there is none, or
// where it has expired.
func (s *Store) FindIdempotencyRecord(ctx context.Context, w Write) (*IdempotencyRecord, error) {
	if w.Idempotency == nil || w.Idempotency.table == "" {
		return nil, nil
	}
	i, err := s.get(ctx, w.Idempotency.table, recordKey(w.Idempotency.Key))
	if err != nil || i == nil || int64(num(i, "expiresAt")) <= w.At.Unix() {
		return nil, err
	}
	return decodeRecord(i), nil
}

func decodeRecord(i item) *IdempotencyRecord {
	r := &IdempotencyRecord{Body: str(i, "body"), Answer: bytesOf(i, "answer"), result: mapOf(i, "result"), refusal: mapOf(i, "refusal")}
	unfinishedFields(&attributes{item: i, reading: true}, &r.unfinished)
	return r
}

// Result reads into result what the operation returned. It returns the refusal where the
// operation was refused in the end, and false where it is not complete yet.
func (r *IdempotencyRecord) Result(result any) (bool, error) {
	switch {
	case r.refusal != nil:
		var e release.Error
		refusalFields(&attributes{item: r.refusal, reading: true}, &e)
		return true, &e
	case r.result == nil:
		return false, nil
	}
	resultFields(&attributes{item: r.result, reading: true}, result)
	return true, nil
}

// open tells whether the operation is not complete yet.
func (r *IdempotencyRecord) open() bool {
	return r.release != "" && r.result == nil && r.refusal == nil
}

// findSame returns the record of an earlier try of the same request; false where there is
// no key, or nothing was begun under it.
func (s *Store) findSame(ctx context.Context, w Write) (*IdempotencyRecord, bool) {
	record, err := s.FindIdempotencyRecord(ctx, w)
	return record, err == nil && record != nil && record.Body == w.Idempotency.Body
}

func unfinishedFields(a *attributes, u *unfinished) {
	a.text("release", &u.release)
	a.set("added", &u.added)
	a.set("removed", &u.removed)
	a.optionalNumber("chunks", &u.chunks)
}

func encodeResult(result any) types.AttributeValue {
	a := attributes{item: item{}}
	resultFields(&a, result)
	return &types.AttributeValueMemberM{Value: a.item}
}

// resultFields are the stored fields of an operation's result, by its type, with its id,
// which is part of the key in the result's own item.
func resultFields(a *attributes, result any) {
	switch r := result.(type) {
	case *release.Release:
		a.text("id", &r.ID)
		releaseFields(a, r)
	case *Moved:
		resultFields(a, &r.Release)
		a.set("outside", &r.Outside)
		a.optionalNumber("notes", &r.Notes)
	case *ReleaseDetail:
		resultFields(a, &r.Release)
		mapList(a, "links", linkResultFields, &r.Links)
		mapList(a, "log", logResultFields, &r.Log)
		if a.reading && len(r.Log) == 1 && r.Log[0].Kind == release.LogCreated {
			r.Log[0].Added = scoped(r.Links)
		}
	case *release.Change:
		a.text("id", &r.ID)
		changeFields(a, r)
	case *release.Task:
		a.text("id", &r.ID)
		taskFields(a, r)
	case *release.LogEntry:
		logResultFields(a, r)
	case *LinkResult:
		a.texts("added", &r.Added)
		a.texts("removed", &r.Removed)
		a.texts("unchanged", &r.Unchanged)
	default:
		panic("dynamo: a result without fields") // a mistake that the first use of a key shows
	}
}

func linkResultFields(a *attributes, l *release.LinkedChange) {
	a.text("id", &l.ID)
	linkFields(a, l)
}

// logResultFields are the fields of a note, and those of a log's first entry; the plan and
// the links in that are left out, since the stored release has them.
func logResultFields(a *attributes, e *release.LogEntry) {
	a.text("id", &e.ID)
	if word(a, "what", &e.Kind); e.Kind == "" {
		e.Kind, e.Legacy = release.LogNote, true // recorded before kinds were kept
	}
	legacyFields(a, e)
	a.text("subject", &e.Subject)
	if a.reading && e.Kind == release.LogHold { // only those who place one are answered with its entry
		e.Hold = &release.HoldChange{Placed: true, Holder: e.Subject}
	}
	unverified := e.AuthorEmailVerified != nil
	if a.optionalBoolean("unverified", &unverified); unverified {
		e.AuthorEmailVerified = new(bool)
	}
	if a.reading && has(a.item, "erasedEntry") {
		e.Erased = &release.ErasedWords{}
	}
	if e.Erased != nil {
		a.text("erasedEntry", &e.Erased.Entry)
		a.texts("erased", &e.Erased.Values)
	}
}

// refusalFields are the stored refusal of a creation that could not be completed: a
// conflict, or a request that can never succeed. The kind is not stored as its number,
// which may differ between versions.
func refusalFields(a *attributes, e *release.Error) {
	invalid := e.Kind == release.KindInvalid
	a.optionalBoolean("invalid", &invalid)
	if e.Kind = release.KindConflict; invalid {
		e.Kind = release.KindInvalid
	}
	a.text("code", &e.Code)
	a.text("detail", &e.Detail)
	optionalMapList(a, "fields", fieldErrorFields, &e.Fields)
	a.set("changeRequests", &e.ChangeRequests)
}

func fieldErrorFields(a *attributes, f *release.FieldError) {
	a.text("field", &f.Field)
	a.text("message", &f.Message)
	a.text("code", &f.Code)
	a.text("id", &f.ID)
}
