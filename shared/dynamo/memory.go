package dynamo

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// Memory is what an Idempotency-Key leaves behind: a digest of what was asked, and the
// answer, written in the operation's own transaction.
type Memory struct {
	Key    string
	Body   string
	Encode func(result any) ([]byte, error)
	Answer []byte
	// table is where the operation that used the key keeps its memory.
	table string
}

// rememberFor is how long an answer is given again. DynamoDB's TTL deletes late, so
// reading checks the expiry itself.
const rememberFor = 24 * time.Hour

const memoryPrefix = "IDEM#"

// keepIn says in which table the write's memory stands: the one the operation writes
// to anyway, so that no function needs rights on another for it.
func (w Write) keepIn(table string) {
	if w.Memory != nil {
		w.Memory.table = table
	}
}

// remember is the write's memory as a further action of its transaction, or none. Its
// condition fails when the key was used before; expiry is judged by the write's clock.
func (w Write) remember(result any) ([]types.TransactWriteItem, error) {
	if w.Memory == nil {
		return nil, nil
	}
	answer, err := w.Memory.Encode(result)
	if err != nil {
		return nil, err
	}
	i := key(memoryPrefix+w.Memory.Key, main)
	i["body"] = text(w.Memory.Body)
	i["answer"] = &types.AttributeValueMemberB{Value: answer}
	i["expiresAt"] = &types.AttributeValueMemberN{Value: strconv.FormatInt(w.At.Add(rememberFor).Unix(), 10)}
	e := express()
	e.conditions = append(e.conditions, "attribute_not_exists("+e.name("pk")+") OR "+
		e.name("expiresAt")+" <= "+e.value(&types.AttributeValueMemberN{Value: strconv.FormatInt(w.At.Unix(), 10)}))
	return []types.TransactWriteItem{putAction(w.Memory.table, i, e)}, nil
}

// alreadyDone is what a write reports when its key was used before; the answer is to
// be recalled.
func alreadyDone() error {
	return release.Fail(release.KindConflict, "request-in-progress",
		"Another request with this Idempotency-Key is being carried out. Send the same request again in a moment to get its answer.")
}

// Recall returns what was remembered under the write's key; nil when nothing was, or
// when it has expired.
func (s *Store) Recall(ctx context.Context, w Write) (*Memory, error) {
	if w.Memory == nil || w.Memory.table == "" {
		return nil, nil
	}
	i, err := s.get(ctx, w.Memory.table, key(memoryPrefix+w.Memory.Key, main))
	if err != nil || i == nil || int64(num(i, "expiresAt")) <= w.At.Unix() {
		return nil, err
	}
	answer, _ := i["answer"].(*types.AttributeValueMemberB)
	if answer == nil {
		return nil, nil
	}
	return &Memory{Key: w.Memory.Key, Body: str(i, "body"), Answer: answer.Value}, nil
}
