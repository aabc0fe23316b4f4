package mcptools_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"example.com/releases/shared/mcptools"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
	"example.com/releases/shared/version"
)

// A conversation is a text file of lines:
//
//	# a remark
//	@ admin 2026-07-28        who speaks from here on, and which protocol version
//	@ admin 2026-07-28 core   and which toolsets they ask for
//	! decide CHG-1 approved   what somebody else does meanwhile, see meanwhile
//	call get_release {…}      a tool call
//	send tools/list {…}       any other method; {…} may be left out
//	raw …                     a message as it is
//	accept application/json   the header Accept from here on; alone: no such header
//	id 1.5                    the id of the next message
//	< 200 {…}                 the answer, written by -update
//
// In a text, <<x*5>> stands for xxxxx. All files are run on one fixture, in the order of their names, so
// that ids go on from file to file.

// speaker is who speaks, over which line, with which version.
type speaker struct {
	line
	version string
	sets    string
}

// talk is a conversation under way.
type talk struct {
	t       *testing.T
	w       *fixture
	connect func(t *testing.T, w *fixture, who, sets string) line
	speaker speaker
	next    int      // id of the next message
	id      string   // of the next message, in place of next; "" if no line gives one
	accept  []string // the header Accept; nil: as the protocol demands
	replies []reply
}

// runConversation sends the messages of a conversation, and returns the replies.
func runConversation(t *testing.T, w *fixture, text string, connect func(*testing.T, *fixture, string, string) line) []reply {
	c := &talk{t: t, w: w, connect: connect, next: 1}
	for _, l := range strings.Split(text, "\n") {
		word, rest, _ := strings.Cut(l, " ")
		switch word {
		case "", "#", "<":
		case "@":
			c.speakAs(rest)
		case "!":
			c.meanwhile(rest)
		case "call":
			name, args, _ := strings.Cut(rest, " ")
			c.send("tools/call", fmt.Sprintf(`{"name":%q,"arguments":%s}`, name, orEmpty(expand(args))))
		case "send":
			method, params, _ := strings.Cut(rest, " ")
			c.send(method, orEmpty(params))
		case "raw":
			c.say([]byte(expand(rest)), "", "")
		case "accept":
			c.accept = strings.Fields(rest)
		case "id":
			c.id = rest
		default:
			t.Fatalf("a conversation has no line such as %q", l)
		}
	}
	return c.replies
}

func orEmpty(s string) string {
	if s == "" {
		return "{}"
	}
	return s
}

// expand replaces <<word*n>> by n times word, so that long texts stay readable in the files.
func expand(s string) string {
	for {
		start := strings.Index(s, "<<")
		end := strings.Index(s, ">>")
		if start < 0 || end < start {
			return s
		}
		word, times, _ := strings.Cut(s[start+2:end], "*")
		n, err := strconv.Atoi(times)
		if err != nil {
			panic("no number in " + s[start:end])
		}
		s = s[:start] + strings.Repeat(word, n) + s[end+2:]
	}
}

func (c *talk) speakAs(rest string) {
	who, rest, _ := strings.Cut(rest, " ")
	version, sets, _ := strings.Cut(rest, " ")
	c.speaker = speaker{c.connect(c.t, c.w, who, sets), "", sets}
	if version < "2026-07-28" {
		c.send("initialize", fmt.Sprintf(`{"protocolVersion":%q,"capabilities":{},"clientInfo":{"name":"test","version":"1"}}`, version))
	}
	c.speaker.version = version
	if version < "2026-07-28" {
		c.speaker.version = c.agreed()
		c.say([]byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}`), "notifications/initialized", "")
	}
}

// agreed returns the version that the answer to initialize names.
func (c *talk) agreed() string {
	var answer struct {
		Result struct{ ProtocolVersion string }
	}
	last := c.replies[len(c.replies)-1].body
	if err := json.Unmarshal([]byte(last), &answer); err != nil {
		c.t.Fatalf("initialize: %v: %s", err, last)
	}
	return answer.Result.ProtocolVersion
}

// send sends a message in the form of the speaker's protocol version.
func (c *talk) send(method, params string) {
	name := ""
	if c.speaker.version >= "2026-07-28" {
		meta := `{"_meta":{"io.modelcontextprotocol/protocolVersion":"` + c.speaker.version +
			`","io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`
		if params != "{}" {
			meta += ","
		}
		params = meta + params[1:]
	}
	var named struct{ Name, URI string }
	if json.Unmarshal([]byte(params), &named) == nil {
		name = named.Name + named.URI
	}
	id := fmt.Sprintf(`"id":%d,`, c.next)
	switch {
	case strings.HasPrefix(method, "notifications/"):
		id = ""
	case c.id != "":
		id, c.id = `"id":`+c.id+`,`, ""
	default:
		c.next++
	}
	c.say([]byte(fmt.Sprintf(`{"jsonrpc":"2.0",%s"method":%q,"params":%s}`, id, method, params)), method, name)
}

// say sends a message as it is, with the headers of the speaker's protocol version.
func (c *talk) say(message []byte, method, name string) {
	c.w.clock.Add(1)
	h := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}}
	if c.accept != nil {
		h["Accept"] = nil
		if len(c.accept) > 0 {
			h.Set("Accept", strings.Join(c.accept, " "))
		}
	}
	if c.speaker.sets != "" {
		h.Set(mcptools.ToolsetsHeader, c.speaker.sets)
	}
	if c.speaker.version != "" {
		h.Set("Mcp-Protocol-Version", c.speaker.version)
	}
	if c.speaker.version >= "2026-07-28" {
		h.Set("Mcp-Method", method)
		if name != "" {
			h.Set("Mcp-Name", name)
		}
	}
	c.replies = append(c.replies, c.speaker.send(c.t, message, h))
}

// meanwhile does what people do who do not use these tools.
func (c *talk) meanwhile(what string) {
	w := strings.Fields(what)
	ctx := as("admin")
	var err error
	switch w[0] {
	case "change":
		_, err = c.w.ops.CreateChange(ctx, operations.CreateChangeInput{ID: w[1], ChangeType: w[2]}, operations.Precondition{})
	case "decide":
		_, err = c.w.ops.DecideChange(ctx, w[1], operations.DecideChangeInput{Decision: w[2]}, operations.Precondition{})
	case "plan": // under an id, from, to
		var start, end time.Time
		start, _ = time.Parse(time.RFC3339, w[2])
		end, _ = time.Parse(time.RFC3339, w[3])
		var v operations.ReleaseView
		v, err = c.w.ops.CreateRelease(ctx, operations.CreateReleaseInput{NewPlan: operations.NewPlan{Plan: release.Plan{Name: "Network", ScheduledStart: &start, ScheduledEnd: &end}}}, operations.Precondition{})
		if v.ID != w[1] {
			c.t.Fatalf("the release got the id %s, want %s", v.ID, w[1])
		}
	case "lift":
		err = c.w.ops.LiftHold(ctx, w[1], operations.LiftHoldInput{Holder: w[2]}, operations.Precondition{})
	case "changes": // from number to number
		err = c.changes(ctx, w[1], w[2])
	case "fill":
		n, _ := strconv.Atoi(w[2])
		for i := 0; i < n && err == nil; i++ {
			_, err = c.w.ops.AppendLog(ctx, w[1], operations.AppendLogInput{Text: expand(strings.Join(w[3:], " "))}, operations.Precondition{})
		}
	default:
		c.t.Fatalf("meanwhile does not know %q: add a case", what)
	}
	if err != nil {
		c.t.Fatalf("%s: %v", what, err)
	}
}

func (c *talk) changes(ctx context.Context, from, to string) error {
	a, _ := strconv.Atoi(from)
	b, _ := strconv.Atoi(to)
	for n := a; n <= b; n++ {
		in := operations.CreateChangeInput{ID: fmt.Sprintf("CHG-%d", n), ChangeType: string(release.Standard)}
		if _, err := c.w.ops.CreateChange(ctx, in, operations.Precondition{}); err != nil {
			return err
		}
	}
	return nil
}

// ways are the three ways to the same tools.
var ways = map[string]func(*testing.T, *fixture, string, string) line{
	"http":       func(_ *testing.T, w *fixture, who, _ string) line { return overHTTP{w, who} },
	"stdio":      func(t *testing.T, w *fixture, who, sets string) line { return stdio(t, w, who, sets) },
	"in-process": func(_ *testing.T, w *fixture, who, _ string) line { return inProcess{w, who} },
}

// The same conversations get the same answers over HTTP, over stdio and in one process, byte for byte,
// and these are those of the golden files.
func TestConversations_EveryWay_AreTheSame(t *testing.T) {
	files, err := filepath.Glob("testdata/conversations/*.txt")
	if err != nil || len(files) < 41 {
		t.Fatalf("%d conversations were found, want 41 or more: %v", len(files), err)
	}
	slices.Sort(files)
	fixtures := map[string]*fixture{}
	for way := range ways {
		fixtures[way] = newFixture(t)
	}
	schemas := resolved(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := runConversation(t, fixtures["http"], string(text), ways["http"])
			for _, way := range slices.Sorted(maps.Keys(ways)) {
				if way == "http" {
					continue
				}
				got := runConversation(t, fixtures[way], string(text), ways[way])
				if len(got) != len(want) {
					t.Fatalf("%s: %d replies, want %d as over http", way, len(got), len(want))
				}
				for i := range want {
					if got[i].body != want[i].body || got[i].status != 0 && got[i].status != want[i].status {
						there, overHTTP := apart(got[i].body, want[i].body)
						t.Errorf("reply %d\n%s: %d %s\nhttp: %d %s", i+1, way, got[i].status, there, want[i].status, overHTTP)
					}
				}
			}
			golden(t, file, string(text), want)
			conform(t, schemas, string(text), want)
		})
	}
}

// golden compares replies with those in the file, or writes them there with -update.
func golden(t *testing.T, file, text string, replies []reply) {
	t.Helper()
	var b strings.Builder
	next := 0
	write := func() {
		if next < len(replies) {
			b.WriteString("< " + shorten(t, replies[next]) + "\n")
			next++
		}
	}
	for _, l := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		word, rest, _ := strings.Cut(l, " ")
		if word == "<" {
			continue
		}
		b.WriteString(l + "\n")
		switch word {
		case "@":
			if _, version, _ := strings.Cut(rest, " "); version < "2026-07-28" {
				write() // initialize
				write() // notifications/initialized
			}
		case "call", "send", "raw":
			write()
		}
	}
	if *mcptools.Update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if b.String() != text {
		t.Errorf("the answers are not those of %s; look at the difference of: go test ./shared/mcptools -update", file)
		diff(t, text, b.String())
	}
}

func diff(t *testing.T, want, got string) {
	t.Helper()
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			want, got := apart(a[i], b[i])
			t.Errorf("line %d\nwant %s\ngot  %s", i+1, want, got)
			return
		}
	}
}

// apart cuts two texts down to the neighbourhood of their first difference, since answers are long.
func apart(a, b string) (string, string) {
	same := 0
	for same < min(len(a), len(b)) && a[same] == b[same] {
		same++
	}
	around := func(s string) string {
		from, to := max(0, same-100), min(len(s), same+200)
		return fmt.Sprintf("%s (from byte %d of %d)", strings.ToValidUTF8(s[from:to], ""), from, len(s))
	}
	return around(a), around(b)
}

// shorten makes an answer readable for the golden file. A long one is replaced by its length and digest;
// the version, the instructions, and tools exactly as in tools.json are only named.
func shorten(t *testing.T, r reply) string {
	t.Helper()
	instructions, err := json.Marshal(mcptools.Instructions)
	if err != nil {
		t.Fatal(err)
	}
	r.body = strings.Replace(r.body, string(instructions), "(Instructions)", 1)
	r.body = strings.Replace(r.body, `"title":"Releases","version":"`+version.Number+`"`, `"title":"Releases","version":(version)`, 1)
	for name, text := range declaredText(t) {
		r.body = strings.Replace(r.body, text, "("+name+" of tools.json)", 1)
	}
	if len(r.body) > 6000 {
		return fmt.Sprintf("%d %d bytes, sha256 %x", r.status, len(r.body), sha256.Sum256([]byte(r.body)))
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", r.status, r.body))
}

// resolved returns the output schemas that the tools declare, ready to validate with.
func resolved(t *testing.T) map[string]*jsonschema.Resolved {
	t.Helper()
	schemas := map[string]*jsonschema.Resolved{}
	for _, tool := range declared(t) {
		var s jsonschema.Schema
		if err := json.Unmarshal(tool.OutputSchema, &s); err != nil {
			t.Fatal(err)
		}
		r, err := s.Resolve(nil)
		if err != nil {
			t.Fatal(err)
		}
		schemas[tool.Name] = r
	}
	return schemas
}

// conform checks every structured answer against its tool's schema, as strict clients do.
func conform(t *testing.T, schemas map[string]*jsonschema.Resolved, text string, replies []reply) {
	t.Helper()
	var called []string
	for _, l := range strings.Split(text, "\n") {
		word, rest, _ := strings.Cut(l, " ")
		switch name, _, _ := strings.Cut(rest, " "); word {
		case "call":
			called = append(called, name)
		case "send", "raw":
			called = append(called, "")
		case "@":
			if _, version, _ := strings.Cut(rest, " "); version < "2026-07-28" {
				called = append(called, "", "")
			}
		}
	}
	for i, r := range replies {
		var answer struct {
			Result struct {
				Structured json.RawMessage `json:"structuredContent"`
				IsError    bool            `json:"isError"`
				Content    []struct{ Text string }
			} `json:"result"`
		}
		if json.Unmarshal([]byte(r.body), &answer) != nil || answer.Result.Content == nil || called[i] == "" {
			continue
		}
		if answer.Result.IsError {
			checkRefusal(t, answer.Result.Content[0].Text)
			if answer.Result.Structured != nil {
				t.Errorf("reply %d: an error has structured content", i+1)
			}
			continue
		}
		var value, copied any
		if err := json.Unmarshal(answer.Result.Structured, &value); err != nil {
			t.Errorf("reply %d: %v", i+1, err)
			continue
		}
		if err := schemas[called[i]].Validate(value); err != nil {
			t.Errorf("reply %d is not what %s declares: %v", i+1, called[i], err)
		}
		if err := json.Unmarshal([]byte(answer.Result.Content[0].Text), &copied); err != nil || fmt.Sprint(copied) != fmt.Sprint(value) {
			t.Errorf("reply %d: the text is not the structured content", i+1)
		}
	}
}

// checkRefusal checks the form of a refusal.
func checkRefusal(t *testing.T, text string) {
	t.Helper()
	code, rest, _ := strings.Cut(text, ": ")
	changed := strings.Contains(rest, "Nothing was changed.") || strings.Contains(rest, "It is not known whether anything was changed.")
	if code == "" || strings.ToUpper(code) != code || !changed || !strings.Contains(rest, " Next: ") || !strings.HasSuffix(rest, ".") {
		t.Errorf("the refusal is not of the form `CODE: what happened. Nothing was changed. Next: ….`: %s", text)
	}
}

// declared returns the tools as tools.json has them.
func declared(t *testing.T) []declaration {
	t.Helper()
	text, err := os.ReadFile("tools.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []declaration
	if err := json.Unmarshal(text, &all); err != nil || len(all) != 9 {
		t.Fatalf("%d tools: %v", len(all), err)
	}
	return all
}

// declaredText returns each tool as tools.json has it, on one line.
func declaredText(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("tools.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for n, tool := range declared(t) {
		var line bytes.Buffer
		if err := json.Compact(&line, all[n]); err != nil {
			t.Fatal(err)
		}
		texts[tool.Name] = line.String()
	}
	return texts
}

type declaration struct {
	Name         string
	Description  string
	Annotations  map[string]bool
	InputSchema  json.RawMessage
	OutputSchema json.RawMessage
}
