package strict

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// flight is what is in progress now.
type flight struct {
	transactions map[string]int // items that a running TransactWriteItems holds
	writes       map[string]int // items that any other write is writing
	tokens       map[string]bool
	done         map[string]time.Time // tokens of transactions that were carried out
}

// remembered is how long DynamoDB recognises a transaction by its token:
// …/transaction-apis.html ("Idempotency").
const remembered = 10 * time.Minute

func newFlight() flight {
	return flight{map[string]int{}, map[string]int{}, map[string]bool{}, map[string]time.Time{}}
}

const ongoing = "Transaction is ongoing for the item"

// write is PutItem, UpdateItem or DeleteItem. One for an item that a transaction holds is
// refused; the transaction goes on. …/transaction-apis.html ("Transaction conflict
// handling in DynamoDB").
func (c *call) write() (*http.Response, error) {
	l := c.layer
	w := c.written(c.in.TableName, c.in.Key, c.in.Item)
	if w.item == "" {
		return c.forward(c.body)
	}
	if !l.bears(w.partition, writes) {
		return c.throttle()
	}
	if len(l.begin(w)) > 0 {
		return c.refuse("TransactionConflictException", ongoing)
	}
	defer l.release(l.flight.writes, w.item)
	before := c.beforeWrites(w)
	answer, err := c.forward(c.metered())
	if err != nil || answer.StatusCode != http.StatusOK {
		return answer, err
	}
	before.record()
	units, err := c.spend(answer, w.partition, writes)
	l.saw(w.item, int(units*1024))
	return answer, err
}

// begin marks the writes that no transaction conflicts with as in progress, and returns the
// others.
func (l *Layer) begin(all ...written) (refused []written) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range all {
		if l.flight.transactions[w.item] > 0 {
			refused = append(refused, w)
			continue
		}
		l.flight.writes[w.item]++
	}
	return refused
}

// release removes items from what is in progress.
func (l *Layer) release(held map[string]int, items ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, item := range items {
		if held[item]--; held[item] <= 0 {
			delete(held, item)
		}
	}
}

// transactWrite cancels a transaction that shares an item with a write in progress.
func (c *call) transactWrite() (*http.Response, error) {
	l := c.layer
	items, all := c.transacted()
	if items == nil {
		return c.forward(c.body)
	}
	if answer, err := c.tooLarge(all); answer != nil || err != nil {
		return answer, err
	}
	token := c.in.ClientRequestToken
	l.mu.Lock()
	if at, ok := l.flight.done[token]; ok && time.Since(at) < remembered {
		l.mu.Unlock()
		return c.forward(c.body) // nothing is done again, so there is nothing to conflict
	}
	if token != "" && l.flight.tokens[token] {
		l.mu.Unlock()
		return c.refuse("TransactionInProgressException", "The transaction with the given request token is already in progress.")
	}
	l.mu.Unlock()
	if answer, err := c.throttled(all); answer != nil || err != nil {
		return answer, err
	}
	l.mu.Lock()
	if reasons := l.overlaps(items, l.flight.transactions); reasons != nil {
		l.mu.Unlock()
		return c.cancel(reasons)
	}
	for _, item := range items {
		l.flight.transactions[item]++
	}
	if token != "" {
		l.flight.tokens[token] = true
	}
	l.mu.Unlock()
	defer func() {
		l.release(l.flight.transactions, items...)
		l.mu.Lock()
		delete(l.flight.tokens, token)
		l.mu.Unlock()
	}()
	if wait := l.upTo(l.options.Load().Hold); wait > 0 {
		select {
		case <-time.After(wait):
		case <-c.request.Context().Done():
		}
	}
	before := c.beforeWrites(all...)
	answer, err := c.forward(c.body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return answer, err
	}
	before.record()
	l.carriedOut(token)
	c.spendAll(all)
	return answer, nil
}

// carriedOut remembers a token for as long as DynamoDB does.
func (l *Layer) carriedOut(token string) {
	if token == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	const many = 10_000
	if len(l.flight.done) >= many {
		for old, at := range l.flight.done {
			if time.Since(at) > remembered || len(l.flight.done) >= many {
				delete(l.flight.done, old)
			}
		}
	}
	l.flight.done[token] = time.Now()
}

// transactGet cancels if a write to one of the items is in progress.
func (c *call) transactGet() (*http.Response, error) {
	l := c.layer
	items, _ := c.transacted()
	if items == nil {
		return c.forward(c.body)
	}
	l.mu.Lock()
	reasons := l.overlaps(items, l.flight.transactions, l.flight.writes)
	l.mu.Unlock()
	if reasons != nil {
		return c.cancel(reasons)
	}
	return c.forward(c.body)
}

// written is one item that a request writes.
type written struct {
	item, partition, table string
	attributes             attributes // its key, or all of it
	put                    bool       // all of it
}

// written names what an action writes; without a name where the key is not whole.
func (c *call) written(table string, key, item attributes) written {
	w := written{table: table, attributes: key, put: item != nil}
	if w.put {
		w.attributes = item
	}
	w.item, w.partition = c.item(table, w.attributes)
	return w
}

// transacted lists the items of a transaction; nil where one has no whole key, which the
// engine will say.
func (c *call) transacted() (items []string, all []written) {
	for _, one := range c.in.TransactItems {
		for _, a := range one {
			w := c.written(a.TableName, a.Key, a.Item)
			if w.item == "" {
				return nil, nil
			}
			items, all = append(items, w.item), append(all, w)
		}
	}
	return items, all
}

// overlaps says which items have a write in progress; nil where none has.
func (l *Layer) overlaps(items []string, held ...map[string]int) []reason {
	reasons, conflict := make([]reason, len(items)), false
	for i, item := range items {
		reasons[i].Code = "None"
		for _, h := range held {
			if h[item] > 0 {
				reasons[i], conflict = reason{"TransactionConflict", ongoing}, true
			}
		}
	}
	if !conflict {
		return nil
	}
	return reasons
}

func (c *call) cancel(reasons []reason) (*http.Response, error) {
	codes := make([]string, len(reasons))
	for i, r := range reasons {
		codes[i] = r.Code
	}
	return c.refuse("TransactionCanceledException",
		fmt.Sprintf("Transaction cancelled, please refer cancellation reasons for specific reasons [%s]", strings.Join(codes, ", ")), reasons...)
}
