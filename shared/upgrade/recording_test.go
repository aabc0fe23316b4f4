package upgrade_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// recording is the folder of the version whose items are read.
const recording = "testdata/2026-11-26"

// The releases of the recording; its README says what each is there for.
const (
	planned      = "REL-2026-Q4-001"
	approved     = "REL-2026-Q4-002"
	scheduled    = "REL-2026-Q4-003"
	running      = "REL-2026-Q4-004"
	deployed     = "REL-2026-Q4-005"
	rolledBack   = "REL-2026-Q4-006"
	cancelled    = "REL-2026-Q4-007"
	mails        = "REL-2026-Q4-008"
	moved        = "REL-2026-Q4-009"
	missed       = "REL-2026-Q4-010"
	underWay     = "REL-2026-Q4-011"
	notAnnounced = "REL-2026-Q4-012"
	halfCreated  = "REL-2026-Q4-013"
	halfDeleted  = "REL-2026-Q4-014"
	bare         = "REL-2026-Q4-016"
)

// recorded reads a file of the recording.
func recorded[T any](t *testing.T, name string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(must(os.ReadFile(filepath.Join(recording, name)))(t), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// recordedRecords returns the recorded stream records of a table (logical id).
func recordedRecords(t *testing.T, table string) []events.DynamoDBEventRecord {
	t.Helper()
	all := recorded[map[string][]events.DynamoDBEventRecord](t, "streams.json")[table]
	if len(all) == 0 {
		t.Fatalf("the recording has no stream record of the %s", table)
	}
	return all
}

// recordedAnswer is what a GET answered then.
type recordedAnswer struct {
	Path   string
	Status int
	ETag   string
	Body   object
}

func recordedAnswers(t *testing.T) map[string]recordedAnswer {
	t.Helper()
	all := map[string]recordedAnswer{}
	for _, a := range recorded[[]recordedAnswer](t, "answers.json") {
		a.Body, _ = visible(a.Body).(object)
		all[a.Path] = a
	}
	return all
}

// visible returns a recorded answer as the API gives it since 2026-11-26: without U+202E (an
// override of the direction of writing), which the name of one release holds.
func visible(v any) any {
	switch v := v.(type) {
	case object:
		for name := range v {
			v[name] = visible(v[name])
		}
	case []any:
		for n := range v {
			v[n] = visible(v[n])
		}
	case string:
		return strings.ReplaceAll(v, "\u202e", "")
	}
	return v
}

// load puts the recorded items into the tables.
func (w *fixture) load() {
	w.t.Helper()
	var all sync.WaitGroup
	defer all.Wait()
	for id, table := range w.Names {
		file := strings.ToLower(strings.TrimSuffix(id, "Table")) + ".json"
		if _, err := os.Stat(filepath.Join(recording, file)); os.IsNotExist(err) {
			continue // a table that came later
		}
		var writes []types.WriteRequest
		for _, i := range recorded[[]map[string]object](w.t, file) {
			writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: item(i)}})
		}
		for some := range slices.Chunk(writes, 25) {
			all.Go(func() {
				out, err := w.Client.BatchWriteItem(w.t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: some}})
				if err != nil || len(out.UnprocessedItems) > 0 {
					w.t.Errorf("the engine did not take every item of %s: %v", file, err)
				}
			})
		}
	}
}

func item[M ~map[string]any](i map[string]M) map[string]types.AttributeValue {
	out := make(map[string]types.AttributeValue, len(i))
	for name, v := range i {
		out[name] = attribute(v)
	}
	return out
}

// attribute reads a value in DynamoDB's JSON.
func attribute(v object) types.AttributeValue {
	for kind, v := range v {
		switch kind {
		case "S":
			return &types.AttributeValueMemberS{Value: v.(string)}
		case "N":
			return &types.AttributeValueMemberN{Value: v.(string)}
		case "BOOL":
			return &types.AttributeValueMemberBOOL{Value: v.(bool)}
		case "B":
			raw, err := base64.StdEncoding.DecodeString(v.(string))
			if err != nil {
				panic(err)
			}
			return &types.AttributeValueMemberB{Value: raw}
		case "SS":
			set := &types.AttributeValueMemberSS{}
			for _, e := range v.([]any) {
				set.Value = append(set.Value, e.(string))
			}
			return set
		case "L":
			list := &types.AttributeValueMemberL{Value: []types.AttributeValue{}}
			for _, e := range v.([]any) {
				list.Value = append(list.Value, attribute(e.(object)))
			}
			return list
		case "M":
			m := map[string]object{}
			for name, e := range v.(object) {
				m[name] = e.(object)
			}
			return &types.AttributeValueMemberM{Value: item(m)}
		}
	}
	panic(fmt.Sprintf("an attribute that the recording should not hold: %v", v))
}

// scan returns all items of a table (logical id), by key.
func (w *fixture) scan(table string) map[string]map[string]types.AttributeValue {
	w.t.Helper()
	all := map[string]map[string]types.AttributeValue{}
	pages := dynamodb.NewScanPaginator(w.Client, &dynamodb.ScanInput{TableName: aws.String(w.Names[table]), ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		for _, i := range must(pages.NextPage(w.t.Context()))(w.t).Items {
			all[str(i, "pk")+"/"+str(i, "sk")] = i
		}
	}
	return all
}

func str(i map[string]types.AttributeValue, name string) string {
	if v, ok := i[name].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

// outbox returns the states of a release's mails, by kind and recipient; where there are several
// of one kind to one recipient, their states in the order of the alphabet.
func (w *fixture) outbox(id string) map[string]string {
	w.t.Helper()
	all := map[string]string{}
	for _, i := range w.scan("MailTable") {
		if strings.HasPrefix(str(i, "pk"), "MAIL#") && str(i, "release") == id {
			who, _, _ := strings.Cut(strings.ToLower(str(i, "recipient")), "@")
			key := str(i, "kind") + " " + who
			all[key] = strings.TrimSpace(all[key] + " " + str(i, "state"))
			if states := strings.Fields(all[key]); len(states) > 1 {
				slices.Sort(states)
				all[key] = strings.Join(states, " ")
			}
		}
	}
	return all
}

// mailID returns the outbox's id of a mail.
func (w *fixture) mailID(id, kind, recipient string) string {
	w.t.Helper()
	for _, i := range w.scan("MailTable") {
		if str(i, "release") == id && str(i, "kind") == kind && str(i, "recipient") == recipient {
			return strings.TrimPrefix(str(i, "pk"), "MAIL#")
		}
	}
	w.t.Fatalf("the outbox has no mail %s of %s to %s", kind, id, recipient)
	return ""
}

// wantOutbox holds the states of a release's mails.
func (w *fixture) wantOutbox(id string, want map[string]string) {
	w.t.Helper()
	got := w.outbox(id)
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if got[key] != want[key] {
			w.t.Errorf("%s: the mail %q is %q, want %q", id, key, got[key], want[key])
		}
	}
}

// wantArrived holds how many mails each of these people got. Others, such as release
// managers, are not asked about.
func (w *fixture) wantArrived(want map[string]int) {
	w.t.Helper()
	got := map[string]int{}
	subjects := map[string][]string{}
	for _, m := range w.inbox.Mails() {
		who, _, _ := strings.Cut(strings.ToLower(m.To), "@")
		got[who]++
		subjects[who] = append(subjects[who], m.Subject)
	}
	for _, who := range slices.Sorted(maps.Keys(want)) {
		if got[who] != want[who] {
			w.t.Errorf("%s got %d mails, want %d: %q", who, got[who], want[who], subjects[who])
		}
	}
}

// differences lists where an answer does not have what was recorded. A new field is no
// difference: a later version may say more.
func differences(path string, was, is any) []string {
	switch was := was.(type) {
	case object:
		now, ok := is.(object)
		if !ok {
			break
		}
		var all []string
		for _, name := range slices.Sorted(maps.Keys(was)) {
			if name == "allowedNextStatuses" { // others may join, as long as these stay
				all = append(all, missing(path+"."+name, list(was, name), list(now, name))...)
				continue
			}
			all = append(all, differences(path+"."+name, was[name], now[name])...)
		}
		return all
	case []any:
		now, ok := is.([]any)
		if !ok || len(now) != len(was) {
			break
		}
		var all []string
		for n := range was {
			all = append(all, differences(fmt.Sprintf("%s[%d]", path, n), was[n], now[n])...)
		}
		return all
	default:
		if was == is {
			return nil
		}
	}
	return []string{fmt.Sprintf("%s is %v, want %v as recorded", path, brief(is), brief(was))}
}

// missing tells which values of a list are gone.
func missing(path string, was, is []any) []string {
	var all []string
	for _, v := range was {
		if !slices.Contains(is, v) {
			all = append(all, fmt.Sprintf("%s had %v and has %v", path, v, is))
		}
	}
	return all
}

// valueAt finds the value at a path of names and indexes in an answer; nil where there is none.
func valueAt(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := v.(object)
			v = m[step]
		case int:
			list, _ := v.([]any)
			if step < 0 || step >= len(list) {
				return nil
			}
			v = list[step]
		}
	}
	return v
}

// list returns the list at a path in an answer, empty where there is none.
func list(v any, path ...any) []any {
	l, _ := valueAt(v, path...).([]any)
	return l
}

// texts are the texts of comments or log entries.
func texts(all []any) []string {
	words := []string{}
	for n := range all {
		s, _ := valueAt(all, n, "text").(string)
		words = append(words, s)
	}
	return words
}

func brief(v any) string {
	s := fmt.Sprintf("%v", v)
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return s
}
