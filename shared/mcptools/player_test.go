package mcptools_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// player is an agent, as far as a script can be one. It knows the list of tools, the server's
// instructions and what it was asked for; each further call follows from the answer before. This file
// must not contain a status, code or rule of the product.
type player struct {
	*talk
	tools        map[string]shownTool
	instructions string
	transcript   *strings.Builder
	person       employer
	meanwhile    func(tool string) // what happens just before a call
	bold         bool              // acts before it reads
	keyed        bool              // gives each write an idempotencyKey
	events       []event
	stopped      string
}

// shownTool is what tools/list shows of a tool.
type shownTool struct {
	Name, Description string
	InputSchema       struct {
		Properties map[string]struct {
			Type        string
			Description string
			Maximum     float64
			Enum        []string
		}
		Required []string
	}
}

// employer is the person for whom the player works. They read a request, may do what it asks for, and
// may supply values that the player does not know, by the name of the argument.
type employer func(request string) (values map[string]any, agreed bool)

// event is a call that the player made, or a question to the person (then tool is "").
type event struct {
	tool    string
	args    map[string]any
	refused bool
}

// heard is an answer as the player understands it.
type heard struct {
	value              map[string]any
	refused, lost      bool
	text, what, advice string // of an error: all of it, what happened, and what is next
}

// lossyLine is a line on which answers can get lost; a lost one has the status 0.
type lossyLine struct{ url, who string }

func (l lossyLine) send(t *testing.T, message []byte, headers http.Header) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.url, strings.NewReader(string(message)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = headers.Clone()
	r.Header.Set("Authorization", "Bearer "+l.who)
	r.GetBody = nil // net/http would send it again by itself
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return reply{}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return reply{}
	}
	return reply{res.StatusCode, string(body)}
}

func (p *player) note(format string, args ...any) {
	fmt.Fprintf(p.transcript, format+"\n", args...)
}

// meet reads the server's instructions and its list of tools.
func (p *player) meet() {
	var server struct{ Result struct{ Instructions string } }
	p.ask("server/discover", &server)
	p.instructions = server.Result.Instructions
	var list struct{ Result struct{ Tools []shownTool } }
	p.ask("tools/list", &list)
	p.tools = map[string]shownTool{}
	for _, t := range list.Result.Tools {
		p.tools[t.Name] = t
	}
}

func (p *player) ask(method string, answer any) {
	p.send(method, "{}")
	if err := json.Unmarshal([]byte(p.replies[len(p.replies)-1].body), answer); err != nil {
		p.t.Fatalf("%s: %v", method, err)
	}
}

var cursors = regexp.MustCompile(`"(logCursor|cursor|nextCursor)":"[^"]*"`)

// call makes a call, and writes call and answer into the transcript.
func (p *player) call(tool string, args map[string]any) heard {
	text, err := json.Marshal(args)
	if err != nil {
		p.t.Fatal(err)
	}
	if p.meanwhile != nil {
		p.meanwhile(tool)
	}
	p.send("tools/call", fmt.Sprintf(`{"name":%q,"arguments":%s}`, tool, text))
	p.note("  call %s %s", tool, cursors.ReplaceAllString(string(text), `"$1":"…"`))
	last := p.replies[len(p.replies)-1]
	if last.status == 0 {
		p.events = append(p.events, event{tool: tool, args: args})
		p.note("    no answer")
		return heard{lost: true}
	}
	var answer struct {
		Result struct {
			Structured json.RawMessage `json:"structuredContent"`
			IsError    bool
			Content    []struct{ Text string }
		}
	}
	if err := json.Unmarshal([]byte(last.body), &answer); err != nil || len(answer.Result.Content) == 0 {
		p.t.Fatalf("%s: %v: %s", tool, err, last.body)
	}
	p.events = append(p.events, event{tool, args, answer.Result.IsError})
	if answer.Result.IsError {
		h := heard{refused: true, text: answer.Result.Content[0].Text}
		checkRefusal(p.t, h.text)
		_, rest, _ := strings.Cut(h.text, ": ")
		h.what, h.advice, _ = strings.Cut(rest, " Next: ")
		p.note("    %d tokens, refused: %s", (len(h.text)+3)/4, h.text)
		return h
	}
	var h heard
	if err := json.Unmarshal(answer.Result.Structured, &h.value); err != nil {
		p.t.Fatal(err)
	}
	p.note("    %d tokens: %s", (len(answer.Result.Structured)+3)/4, outline(h.value))
	return h
}

// stop ends the player's work with what it says to the person.
func (p *player) stop(format string, args ...any) {
	p.stopped = fmt.Sprintf(format, args...)
	p.note("  stop: %s", p.stopped)
}

// stuck fails the test: nothing in the answer says how to go on.
func (p *player) stuck(h heard) {
	p.t.Errorf("this answer does not say how to go on: %s", h.text)
	p.stop("I do not know how to go on.")
}

// turn asks the person, who may answer only that they agree, or that it is done.
func (p *player) turn(request string) (map[string]any, bool) {
	p.note("  to the person: %s", request)
	p.events = append(p.events, event{})
	if p.person == nil {
		return nil, false
	}
	return p.person(request)
}

// shown tells whether the player has a tool; if not, it stops and says so.
func (p *player) shown(tool string) bool {
	if _, ok := p.tools[tool]; ok {
		return true
	}
	p.stop("I am shown no tool %s.", tool)
	return false
}

// find looks for the id of a release by its name, from page to page.
func (p *player) find(name string) string {
	args := map[string]any{}
	for {
		h := p.call("list_releases", args)
		for _, r := range list(h.value["releases"]) {
			if r["name"] == name {
				return r["id"].(string)
			}
		}
		next, more := h.value["nextCursor"].(string)
		if !more {
			p.stop("There is no release called %q.", name)
			return ""
		}
		args = map[string]any{"cursor": next}
	}
}

func (p *player) read(id string) map[string]any {
	return p.call("get_release", map[string]any{"id": id, "detail": "concise"}).value
}

var arrow = regexp.MustCompile(`([a-z-]+) → ([a-z, -]+)`)

// way returns the next status on the shortest way between two, by the lifecycle in the tool's
// description; "" if there is no way.
func (p *player) way(from, to string) string {
	next := map[string][]string{}
	for _, m := range arrow.FindAllStringSubmatch(p.tools["transition_release_status"].Description, -1) {
		next[m[1]] = strings.Split(strings.ReplaceAll(m[2], " or ", ", "), ", ")
	}
	queue := [][]string{{from}}
	seen := map[string]bool{from: true}
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		for _, s := range next[path[len(path)-1]] {
			if s == to {
				return append(path, s)[1]
			}
			if !seen[s] {
				seen[s] = true
				queue = append(queue, append(slices.Clone(path), s))
			}
		}
	}
	return ""
}

// needsAgreement tells whether the tool's description says to ask before this status.
func (p *player) needsAgreement(status string) bool {
	for _, sentence := range strings.Split(p.tools["transition_release_status"].Description, ". ") {
		if strings.Contains(sentence, "ask the person you work for before") && strings.Contains(" "+strings.ReplaceAll(sentence, ",", "")+" ", " "+status+" ") {
			return true
		}
	}
	return false
}

// bring moves a release to a status, which may be spelled as a person would.
func (p *player) bring(name, status string) {
	const tool = "transition_release_status"
	id := p.find(name)
	if id == "" || !p.shown(tool) {
		return
	}
	wanted := status
	for range 6 {
		args := map[string]any{"id": id, "status": wanted}
		if !p.bold {
			release := p.read(id)
			if wanted = p.way(release["status"].(string), status); wanted == "" {
				p.stop("It is %s.", release["status"])
				return
			}
			args["status"] = wanted
			args["ifRevision"] = release["revision"]
			if reason := waiting(release, wanted); reason != "" {
				if _, agreed := p.turn(reason); !agreed {
					p.stop("It waits.")
					return
				}
				continue
			}
		}
		if p.needsAgreement(wanted) {
			if _, agreed := p.turn("May I make it " + wanted + "?"); !agreed {
				p.stop("You do not want it.")
				return
			}
		}
		value := p.follow(tool, args)
		switch {
		case p.stopped != "":
			return
		case value == nil:
			wanted = status
			continue
		case value["status"] == args["status"] && p.way(value["status"].(string), status) == "":
			p.stop("It is %s.", value["status"])
			return
		}
		wanted = p.way(value["status"].(string), status)
	}
	p.t.Errorf("after six transitions the release is still not %s", status)
}

// waiting returns what a status waits for, in the words of the answer.
func waiting(release map[string]any, status string) string {
	var why []string
	for _, n := range list(object(release["readiness"])["next"]) {
		for _, c := range list(n["conditions"]) {
			if n["status"] == status && c["holds"] == false {
				why = append(why, c["detail"].(string))
			}
		}
	}
	return strings.Join(why, " ")
}

func object(v any) map[string]any {
	o, _ := v.(map[string]any)
	return o
}

func list(v any) []map[string]any {
	var all []map[string]any
	elements, _ := v.([]any)
	for _, e := range elements {
		all = append(all, object(e))
	}
	return all
}
