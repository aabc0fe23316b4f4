// Package strict is a layer in front of DynamoDB Local that does what DynamoDB does and Local
// does not: transactions that overlap on an item conflict, transactions over 4 MB are refused,
// reads that are not strongly consistent lag, hot partition keys are throttled, and parts of a
// batch may come back unprocessed. It must not know what the tables are for.
//
// The rules are from the DynamoDB Developer Guide,
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/; each names its page.
package strict

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options say how strict the layer is. The zero value checks only what costs almost nothing:
// conflicts and the size of transactions.
type Options struct {
	// Seed makes random behaviour repeatable, as long as requests come in the same order.
	Seed uint64
	// Hold is the longest delay before a transaction is passed to the engine: the longer it
	// is, the more conflicts there are.
	Hold time.Duration
	// Lag is by how much an index, and a table for reads that are not strongly consistent,
	// may be behind a write, at most. Behind is the share of writes that are behind at all.
	Lag    time.Duration
	Behind float64
	// WriteUnits and ReadUnits are the capacity of one partition key per second; 0 is
	// unlimited.
	WriteUnits, ReadUnits float64
	// Unprocessed is the share of batches of which a part is returned unprocessed.
	Unprocessed float64
}

// AsAWS is as strict as AWS on a good day, with a new and almost idle table nearby.
//
// 1,000 write units and 3,000 read units are the capacity of a partition:
// …/bp-partition-key-design.html.
func AsAWS() Options {
	return Options{Hold: 3 * time.Millisecond, Lag: 50 * time.Millisecond, Behind: .5, WriteUnits: 1000, ReadUnits: 3000}
}

// Send is how requests reach the engine: a client's Do, or a transport's RoundTrip.
type Send func(*http.Request) (*http.Response, error)

// Layer is the layer in front of one engine. It is an aws.HTTPClient and an http.RoundTripper.
type Layer struct {
	send    Send
	options atomic.Pointer[Options]

	mu     sync.Mutex
	random *rand.Rand
	tables map[string]*table // by name; what DescribeTable told
	flight flight
	lagged map[string]map[string]*lagging // by table and item
	spent  map[string]*bucket             // by partition key and direction
	sizes  map[string]int                 // of items, as last seen
	met    Met
}

// Met counts what happened to requests that would not have happened with DynamoDB Local alone.
type Met struct {
	Conflicts, TooLarge, Throttled int // refused
	Lagged                         int // reads that saw what was before
	Unprocessed                    int // batches of which a part came back
}

// Take returns the counts so far and resets them.
func (l *Layer) Take() Met {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.met
	l.met = Met{}
	return n
}

func (l *Layer) count(n *int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*n++
}

// New returns a layer in front of what send reaches.
func New(send Send, o Options) *Layer {
	l := &Layer{
		send: send, random: rand.New(rand.NewPCG(o.Seed, 0)), // replayable on purpose
		tables: map[string]*table{}, flight: newFlight(),
		lagged: map[string]map[string]*lagging{}, spent: map[string]*bucket{}, sizes: map[string]int{},
	}
	l.Adjust(o)
	return l
}

// Adjust gives the layer other options from now on; the seed is that of the start.
func (l *Layer) Adjust(o Options) { l.options.Store(&o) }

// Do is RoundTrip, under the name that the SDK calls.
func (l *Layer) Do(r *http.Request) (*http.Response, error) { return l.RoundTrip(r) }

// RoundTrip carries a request out as DynamoDB would.
func (l *Layer) RoundTrip(r *http.Request) (*http.Response, error) {
	service, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	handle := handlers[operation]
	if !strings.HasPrefix(service, "DynamoDB_") || handle == nil || r.Body == nil {
		return l.send(r)
	}
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		return nil, err
	}
	c := &call{layer: l, request: r, operation: operation, body: body}
	if json.Unmarshal(body, &c.in) != nil {
		return c.forward(body) // the engine says what is wrong with it
	}
	return handle(c)
}

// handlers are the operations in which DynamoDB Local is too lenient.
var handlers = map[string]func(*call) (*http.Response, error){
	"TransactWriteItems": (*call).transactWrite,
	"TransactGetItems":   (*call).transactGet,
	"PutItem":            (*call).write,
	"UpdateItem":         (*call).write,
	"DeleteItem":         (*call).write,
	"BatchWriteItem":     (*call).batchWrite,
	"BatchGetItem":       (*call).batchGet,
	"GetItem":            (*call).get,
	"Query":              (*call).query,
	"DeleteTable":        (*call).deleteTable,
}

// call is one request on its way through the layer.
type call struct {
	layer     *Layer
	request   *http.Request
	operation string
	body      []byte
	in        input
}

// input is what the layer reads of a request, whatever the operation.
type input struct {
	TableName, IndexName      string
	Key, Item                 attributes
	ConsistentRead            bool
	ReturnConsumedCapacity    string
	ClientRequestToken        string
	TransactItems             []map[string]action
	RequestItems              map[string]json.RawMessage
	KeyConditionExpression    string
	FilterExpression          string
	ProjectionExpression      string
	Select                    string
	ScanIndexForward          *bool
	ExclusiveStartKey         attributes
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues attributes
}

// action is one of a transaction.
type action struct {
	TableName                 string
	Key, Item                 attributes
	ExpressionAttributeValues attributes
}

// forward sends the request on with the body as given.
func (c *call) forward(body []byte) (*http.Response, error) {
	r := c.request.Clone(c.request.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.ContentLength = int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return c.layer.send(r)
}

// ask sends a request of the layer's own, as the caller; false where it brought nothing.
func (c *call) ask(operation string, in, out any) bool {
	body, err := json.Marshal(in)
	if err != nil {
		return false
	}
	own := &call{layer: c.layer, request: c.request.Clone(c.request.Context())}
	own.request.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	answer, err := own.forward(body)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusOK && json.NewDecoder(answer.Body).Decode(out) == nil
}

// open reads an answer's body, so that it can be looked at and given back.
func open(answer *http.Response) (body []byte, ok bool, err error) {
	body, err = io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil {
		return nil, false, err
	}
	replace(answer, body)
	return body, answer.StatusCode == http.StatusOK, nil
}

// replace gives an answer another body; the checksum of the old one goes with it.
func replace(answer *http.Response, body []byte) {
	answer.Body = io.NopCloser(bytes.NewReader(body))
	answer.ContentLength = int64(len(body))
	answer.Header.Set("Content-Length", strconv.Itoa(len(body)))
	answer.Header.Del("X-Amz-Crc32")
}

// refusal is an error of DynamoDB's.
type refusal struct {
	Type    string   `json:"__type"`
	Message string   `json:"message"`
	Reasons []reason `json:"CancellationReasons,omitempty"`
}

type reason struct {
	Code    string `json:"Code"`
	Message string `json:"Message,omitempty"`
}

func (c *call) refuse(kind, message string, reasons ...reason) (*http.Response, error) {
	switch kind {
	case "TransactionConflictException", "TransactionCanceledException", "TransactionInProgressException":
		c.layer.count(&c.layer.met.Conflicts)
	case "ThrottlingException":
		c.layer.count(&c.layer.met.Throttled)
	default:
		c.layer.count(&c.layer.met.TooLarge)
	}
	prefix := "com.amazonaws.dynamodb.v20120810#"
	if kind == "ValidationException" || kind == "ThrottlingException" {
		prefix = "com.amazon.coral.validate#"
	}
	body, err := json.Marshal(refusal{prefix + kind, message, reasons})
	if err != nil {
		return nil, err
	}
	answer := &http.Response{
		Status: "400 Bad Request", StatusCode: http.StatusBadRequest, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Request: c.request,
	}
	replace(answer, body)
	return answer, nil
}

// chance returns true with the given probability.
func (l *Layer) chance(probability float64) bool {
	if probability <= 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.random.Float64() < probability
}

// upTo is a random time below the bound.
func (l *Layer) upTo(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Duration(l.random.Int64N(int64(most)))
}

func (c *call) deleteTable() (*http.Response, error) {
	c.layer.mu.Lock()
	delete(c.layer.tables, c.in.TableName)
	delete(c.layer.lagged, c.in.TableName)
	c.layer.mu.Unlock()
	return c.forward(c.body)
}
