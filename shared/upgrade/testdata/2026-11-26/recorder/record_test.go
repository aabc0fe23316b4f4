package recorder

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
)

var record = flag.String("record-426b58c", "", "the folder to write the recording to")

// TestRecord plays a day and writes down what stands in the tables after it, what the
// streams held, and what each GET answers. It does nothing unless it is told to.
func TestRecord(t *testing.T) {
	if *record == "" {
		t.Skip("a recording is made once; see README.md")
	}
	w := newWorld(t)
	keyed := w.tell()
	for _, table := range slices.Sorted(maps.Keys(w.names)) {
		w.write(strings.TrimSuffix(table, "Table")+".json", w.scan(w.names[table]))
	}
	w.write("streams.json", w.chosen())
	w.write("keyed.json", keyed)
	w.write("answers.json", w.answers())
}

func (w *world) write(name string, v any) {
	w.t.Helper()
	raw, err := json.Marshal(v)
	w.no(err)
	var tree any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	w.no(d.Decode(&tree))
	var b bytes.Buffer
	layOut(&b, tree, "")
	b.WriteByte('\n')
	w.no(os.WriteFile(filepath.Join(*record, strings.ToLower(name)), b.Bytes(), 0o600))
}

// layOut writes JSON with everything that fits on a line on one.
func layOut(b *bytes.Buffer, v any, indent string) {
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	flat := strings.TrimSpace(line.String())
	list, isList := v.([]any)
	m, isMap := v.(map[string]any)
	if len(indent)+len(flat) <= 150 || !isList && !isMap {
		b.WriteString(strings.ReplaceAll(flat, "\u202e", `\u202e`)) // so that an editor shows it
		return
	}
	deeper := indent + " "
	if isList {
		b.WriteString("[\n")
		for n, e := range list {
			b.WriteString(deeper)
			layOut(b, e, deeper)
			if n < len(list)-1 {
				b.WriteByte(',')
			}
			b.WriteByte('\n')
		}
		b.WriteString(indent + "]")
		return
	}
	b.WriteString("{\n")
	keys := slices.Sorted(maps.Keys(m))
	for n, k := range keys {
		fmt.Fprintf(b, "%s%q: ", deeper, k)
		layOut(b, m[k], deeper)
		if n < len(keys)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString(indent + "}")
}

func (w *world) scan(table string) []object {
	w.t.Helper()
	var all []object
	pages := dynamodb.NewScanPaginator(w.db, &dynamodb.ScanInput{TableName: &table})
	for pages.HasMorePages() {
		out, err := pages.NextPage(w.t.Context())
		w.no(err)
		for _, i := range out.Items {
			all = append(all, typed(i))
		}
	}
	slices.SortFunc(all, func(a, b object) int { return strings.Compare(keyOf(a), keyOf(b)) })
	return all
}

func keyOf(i object) string {
	return i["pk"].(object)["S"].(string) + "\x00" + i["sk"].(object)["S"].(string)
}

func typed(i map[string]types.AttributeValue) object {
	o := object{}
	for name, v := range i {
		o[name] = value(v)
	}
	return o
}

func value(v types.AttributeValue) object {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return object{"S": v.Value}
	case *types.AttributeValueMemberN:
		return object{"N": v.Value}
	case *types.AttributeValueMemberB:
		return object{"B": base64.StdEncoding.EncodeToString(v.Value)}
	case *types.AttributeValueMemberBOOL:
		return object{"BOOL": v.Value}
	case *types.AttributeValueMemberSS:
		return object{"SS": slices.Sorted(slices.Values(v.Value))}
	case *types.AttributeValueMemberL:
		list := make([]object, len(v.Value))
		for n, e := range v.Value {
			list[n] = value(e)
		}
		return object{"L": list}
	case *types.AttributeValueMemberM:
		return object{"M": typed(v.Value)}
	}
	panic(fmt.Sprintf("an attribute of type %T", v))
}

func word(image map[string]events.DynamoDBAttributeValue, name string) string {
	if v, ok := image[name]; ok && v.DataType() == events.DataTypeString {
		return v.String()
	}
	return ""
}

// chosen are, for each table, the last record of each word of op
// (of releases, in each status), and all that wake
// somebody about what is unfinished.
func (w *world) chosen() map[string][]events.DynamoDBEventRecord {
	unfinished := []string{"REL#" + w.named("Under way"), "REL#" + w.named("Not announced"), "CR#CR-U-1", "CR#CR-U-2", "JOB#" + w.named("Scheduled")}
	all := map[string][]events.DynamoDBEventRecord{}
	for table, records := range w.recorded {
		last := map[string]int{}
		for n, r := range records {
			op := word(r.Change.NewImage, "op")
			what := op
			if op == "" {
				what = r.EventName + " " + strings.SplitN(word(r.Change.Keys, "pk"), "#", 2)[0]
			}
			last[what] = n
			if table == "ReleasesTable" {
				last[what+" in "+word(r.Change.NewImage, "status")] = n
			}
			if pk := word(r.Change.Keys, "pk"); op != "" && slices.Contains(unfinished, pk) {
				last[pk+" "+op] = n
			}
		}
		picked := slices.Compact(slices.Sorted(maps.Values(last)))
		for _, n := range picked {
			r := records[n]
			r.EventSourceArn = "arn:aws:dynamodb:us-east-1:000000000000:table/" + table + "/stream/2026-11-26T08:00:00.000"
			all[table] = append(all[table], r)
		}
	}
	return all
}

func (w *world) named(name string) string {
	w.t.Helper()
	for _, r := range w.do(admin, "GET /releases?limit=100", nil)["releases"].([]any) {
		if r.(object)["name"] == name {
			return r.(object)["id"].(string)
		}
	}
	w.t.Fatalf("there is no release %s", name)
	return ""
}

// answers is what each GET answers.
func (w *world) answers() []object {
	paths := []string{
		"/releases?limit=100", "/releases?limit=3", "/change-requests?limit=100", "/change-requests?approvalStatus=Rejected",
		"/tasks?requesterEmail=" + url.QueryEscape(strings.ToLower(mixedCase)), "/tasks?requesterEmail=" + url.QueryEscape(mixedCase),
		"/tasks?changeRequestId=CR-D-1", "/tasks?ciId=ci-shop", "/tasks?requesterEmail=dora@example.com&status=Closed",
	}
	for _, s := range release.Statuses {
		paths = append(paths, "/releases?limit=100&status="+string(s))
	}
	for _, table := range []string{"ReleasesTable", "ChangesTable", "TasksTable"} {
		for _, i := range w.scan(w.names[table]) {
			kind, id, _ := strings.Cut(i["pk"].(object)["S"].(string), "#")
			if i["sk"].(object)["S"].(string) != "M" {
				continue
			}
			switch kind {
			case "REL":
				paths = append(paths, "/releases/"+id, "/releases/"+id+"/log?limit=100", "/releases/"+id+"/readiness")
			case "CR":
				if !strings.HasPrefix(id, "CR-B-") || id == "CR-B-01" || id == "CR-B-50" {
					paths = append(paths, "/change-requests/"+id)
				}
			case "TASK":
				paths = append(paths, "/tasks/"+id)
			}
		}
	}
	var all []object
	for n := 0; n < len(paths); n++ {
		got := w.on(w.store, admin, "GET "+paths[n], nil)
		body := object{}
		w.no(json.Unmarshal(got.Body.Bytes(), &body))
		all = append(all, object{"path": paths[n], "status": got.Code, "etag": got.Header().Get("ETag"), "body": body})
		if paths[n] == "/releases?limit=3" {
			paths = append(paths, "/releases?limit=3&cursor="+url.QueryEscape(body["nextCursor"].(string)))
		}
	}
	return all
}

func (w *world) feed(function string, store *dynamo.Store, records []events.DynamoDBEventRecord) {
	w.t.Helper()
	answer, err := w.handler(function, store)(w.t.Context(), events.DynamoDBEvent{Records: records})
	if err != nil || len(answer.BatchItemFailures) > 0 {
		w.t.Fatalf("%s: %v %v", function, answer.BatchItemFailures, err)
	}
}

// send delivers the mails to some people, and sendOf those of one release's name; all
// others go on waiting.
func (w *world) send(to ...string) { w.t.Helper(); w.sendOn(w.store, "", to) }

func (w *world) sendOf(name string, to ...string) { w.t.Helper(); w.sendOn(w.store, w.named(name), to) }

// sendFailing dies when SES has the mail and before that is written down.
func (w *world) sendFailing(to string) {
	w.t.Helper()
	w.sendOn(w.under(failing("UpdateItem", "MAIL#", 2)), "", []string{to})
}

func (w *world) sendOn(store *dynamo.Store, id string, to []string) {
	w.t.Helper()
	w.drain()
	var now, later []events.DynamoDBEventRecord
	for _, r := range w.waiting["send-mail"] {
		if slices.Contains(to, word(r.Change.NewImage, "recipient")) && (id == "" || word(r.Change.NewImage, "release") == id) {
			now = append(now, r)
		} else {
			later = append(later, r)
		}
	}
	if len(now) == 0 {
		w.t.Fatalf("no mail waits for %v", to)
	}
	w.waiting["send-mail"] = nil
	w.feed("send-mail", store, now)
	w.drain()
	w.waiting["send-mail"] = append(later, w.waiting["send-mail"]...)
}
