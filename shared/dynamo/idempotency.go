package dynamo

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// IdempotencyRecord is what an Idempotency-Key leaves behind: a digest of what was asked, and the
// answer, written in the operation's own transaction.
type IdempotencyRecord struct {
	Key    string
	Body   string
	Encode func(result any) ([]byte, error)
	Answer []byte
	// table is where the operation that used the key keeps its memory.
	table string
}

// idempotencyWindow is how long an answer is given again. DynamoDB's TTL deletes late, so
// reading checks the expiry itself.
const idempotencyWindow = 24 * time.Hour

const idempotencyPrefix = "IDEM#"

// keepRecordIn says in which table the write's memory stands: the one the operation writes
// to anyway, so that no function needs rights on another for it.
func (w Write) keepRecordIn(table string) {
	if w.Idempotency != nil {
		w.Idempotency.table = table
	}
}

// Aggregate tells the tables apart for those who name none.
type Aggregate int

// The aggregates whose operations take an Idempotency-Key.
const (
	Releases Aggregate = iota
	Changes
	Tasks
)

// RecordOf returns the write with the place where an operation on the aggregate keeps
// its memory.
func (s *Store) RecordOf(a Aggregate, w Write) Write {
	w.keepRecordIn(map[Aggregate]string{Releases: s.tables.Releases, Changes: s.tables.Changes, Tasks: s.tables.Tasks}[a])
	return w
}

// recordAction is the write's memory as a further action of its transaction, or none. Its
// condition fails when the key was used before; expiry is judged by the write's clock.
func (w Write) recordAction(result any) ([]types.TransactWriteItem, error) {
	if w.Idempotency == nil {
		return nil, nil
	}
	answer, err := w.Idempotency.Encode(result)
	if err != nil {
		return nil, err
	}
	i := key(idempotencyPrefix+w.Idempotency.Key, mainSort)
	i["body"] = text(w.Idempotency.Body)
	i["answer"] = &types.AttributeValueMemberB{Value: answer}
	i["expiresAt"] = &types.AttributeValueMemberN{Value: strconv.FormatInt(w.At.Add(idempotencyWindow).Unix(), 10)}
	e := newExpression()
	e.conditions = append(e.conditions, "attribute_not_exists("+e.name("pk")+") OR "+
		e.name("expiresAt")+" <= "+e.value(&types.AttributeValueMemberN{Value: strconv.FormatInt(w.At.Unix(), 10)}))
	return []types.TransactWriteItem{putAction(w.Idempotency.table, i, e)}, nil
}

// keyInUse is what a write reports when its key was used before; the answer is to
// be recalled.
func keyInUse() error {
	return release.Fail(release.KindConflict, "request-in-progress",
		"Another request with this idempotency key is being carried out.")
}

// FindIdempotencyRecord returns what was remembered under the write's key; nil when nothing was, or
// when it has expired.
func (s *Store) FindIdempotencyRecord(ctx context.Context, w Write) (*IdempotencyRecord, error) {
	if w.Idempotency == nil || w.Idempotency.table == "" {
		return nil, nil
	}
	i, err := s.get(ctx, w.Idempotency.table, key(idempotencyPrefix+w.Idempotency.Key, mainSort))
	if err != nil || i == nil || int64(num(i, "expiresAt")) <= w.At.Unix() {
		return nil, err
	}
	answer, _ := i["answer"].(*types.AttributeValueMemberB)
	if answer == nil {
		return nil, nil
	}
	return &IdempotencyRecord{Key: w.Idempotency.Key, Body: str(i, "body"), Answer: answer.Value}, nil
}
