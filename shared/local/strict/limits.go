package strict

import (
	"net/http"
)

const (
	// maxTransaction is the maximum size of a transaction's items together:
	// …/ServiceQuotas.html ("Transactions") and API_TransactWriteItems.
	maxTransaction = 4 << 20
	// maxItem is the maximum size of one item: …/ServiceQuotas.html ("Items"). The engine
	// enforces it as well.
	maxItem = 400 << 10
)

// tooLarge refuses a transaction over 4 MB. What an Update, a Delete or a ConditionCheck
// touches counts as it is stored, so it is read first, unless so few items cannot be too
// much; an Update's new values count on top, which is stricter than DynamoDB at its best.
func (c *call) tooLarge(all []written) (*http.Response, error) {
	if len(all) <= maxTransaction/maxItem {
		return nil, nil //nolint:nilnil // no refusal
	}
	size, stored := 0, []written{}
	for i, one := range c.in.TransactItems {
		for kind, a := range one {
			if kind == "Put" {
				size += sizeOf(a.Item)
				continue
			}
			stored = append(stored, all[i])
			if kind == "Update" {
				size += sizeOf(a.ExpressionAttributeValues)
			}
		}
	}
	for _, item := range c.read(stored) {
		size += sizeOf(item)
	}
	if size > maxTransaction {
		return c.refuse("ValidationException", "Member must have length less than or equal to 4194304: the items of the transaction are larger than 4 MB together")
	}
	return nil, nil //nolint:nilnil // no refusal
}

// read gets items as they stand, by name.
func (c *call) read(all []written) map[string]attributes {
	found := map[string]attributes{}
	for len(all) > 0 {
		n := min(100, len(all))
		type keys struct {
			Keys           []attributes
			ConsistentRead bool
		}
		request := map[string]*keys{}
		for _, w := range all[:n] {
			k := request[w.table]
			if k == nil {
				k = &keys{ConsistentRead: true}
				request[w.table] = k
			}
			k.Keys = append(k.Keys, c.describe(w.table).key(w.attributes))
		}
		all = all[n:]
		for len(request) > 0 {
			var out struct {
				Responses       map[string][]attributes
				UnprocessedKeys map[string]*keys
			}
			if !c.ask("BatchGetItem", map[string]any{"RequestItems": request}, &out) {
				return found
			}
			for table, items := range out.Responses {
				for _, i := range items {
					name, _ := c.item(table, i)
					found[name] = i
				}
			}
			request = out.UnprocessedKeys // those over 16 MB
		}
	}
	return found
}
