package dynamo

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/mail"
)

// A lot is a group of people whom planning has found so far, sorted by key. It is stored in
// items of about lotBytes, each under the key of the last person in it, until planning has
// read all its sources and writes the mails, perhaps in another invocation.
const (
	lotPrefix = "LOT#"
	lotBytes  = 64 << 10
	// lotKept is far longer than planning ever pauses, which is minutes.
	lotKept = 48 * time.Hour
)

// PutLot stores a lot. The name must be unique.
func (s *Store) PutLot(ctx context.Context, name string, people []*mail.Person, now time.Time) error {
	var stored []json.RawMessage
	size := 0
	for n, p := range people {
		raw, err := json.Marshal(p)
		if err != nil {
			return err
		}
		stored = append(stored, raw)
		if size += len(raw); size < lotBytes && n < len(people)-1 {
			continue
		}
		if raw, err = json.Marshal(stored); err != nil {
			return err
		}
		i := key(lotPrefix+name, p.Key)
		i["people"] = &types.AttributeValueMemberB{Value: raw}
		i["expiresAt"] = unix(now.Add(lotKept))
		if err := s.put(ctx, s.tables.Mail, i, newExpression()); err != nil {
			return err
		}
		stored, size = nil, 0
	}
	return nil
}

// Lot reads the next people of a lot after a key, strongly consistent; none at its end.
func (s *Store) Lot(ctx context.Context, name, after string) ([]*mail.Person, error) {
	var people []*mail.Person
	err := s.pages(ctx, rangeOf(s.tables.Mail, lotPrefix+name, ">", cmp.Or(after, " ")), 1, func(page []item, _ item) (bool, error) {
		for _, i := range page {
			if err := json.Unmarshal(bytesOf(i, "people"), &people); err != nil {
				return false, err
			}
		}
		return false, nil
	})
	return slices.DeleteFunc(people, func(p *mail.Person) bool { return p.Key <= after }), err
}
