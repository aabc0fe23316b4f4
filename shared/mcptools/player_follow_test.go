package mcptools_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// How the player goes on after an answer: by the answer's words alone.

var (
	readField   = regexp.MustCompile(`(\w+) in get_release`)
	stepForward = regexp.MustCompile(`the step forward is ([a-z-]+)`)
	noField     = regexp.MustCompile(`^(\w+) is not a field`)
	wrongWord   = regexp.MustCompile(`^(\w+) must be one of`)
	meantWord   = regexp.MustCompile(`^you probably meant ([\w-]+?)\.?( |$)`)
	names       = regexp.MustCompile(`[A-Z]+-[A-Z]*\d+`)
)

// follow makes a call, and then does what the answers say, until one of them is the result. It returns
// nil if the player has to read the release and decide again, or has stopped.
func (p *player) follow(tool string, args map[string]any) map[string]any {
	if _, takes := p.tools[tool].InputSchema.Properties["idempotencyKey"]; takes && p.keyed {
		args["idempotencyKey"] = fmt.Sprintf("key-%d", p.next)
	}
	for range 5 {
		h := p.call(tool, args)
		switch {
		case h.lost:
			if _, safe := args["idempotencyKey"]; !safe && !p.bold && strings.Contains(p.instructions, "read before you repeat") {
				return nil
			}
		case !h.refused:
			return h.value
		case !p.mend(tool, args, h):
			return nil
		}
	}
	p.t.Errorf("%s was called five times without a result", tool)
	return nil
}

// mend does what the answer to a refused call says, and tells whether to make the call again, with the
// arguments that it has corrected.
func (p *player) mend(tool string, args map[string]any, h heard) bool {
	switch repeat := strings.Contains(h.advice, "make the same call again"); {
	case strings.HasPrefix(h.advice, "nothing"):
		p.stop("%s Next: %s", h.what, h.advice)
		return false
	case strings.HasPrefix(h.advice, "correct these arguments"):
		if !correct(args, h.what) {
			p.stuck(h)
			return false
		}
		return true
	case strings.Contains(h.advice, "as ifRevision"):
		release := p.read(args["id"].(string))
		args["ifRevision"] = release["revision"]
		if reason := waiting(release, fmt.Sprint(args["status"])); reason != "" {
			p.stop("%s", reason)
			return false
		}
		return true
	case stepForward.MatchString(h.advice):
		if strings.Contains(h.advice, "when that is done, the step forward") {
			if _, agreed := p.turn(h.what + " Next: " + h.advice); !agreed {
				p.stop("It waits for a person.")
				return false
			}
		}
		args["status"] = stepForward.FindStringSubmatch(h.advice)[1]
		return true
	case strings.HasPrefix(h.advice, "call get_release"):
		return false
	case strings.Contains(h.advice, "person"):
		return p.involve(tool, args, h, repeat)
	}
	p.stuck(h)
	return false
}

// correct corrects the arguments by what the answer says about each, and tells whether that was enough.
func correct(args map[string]any, what string) bool {
	name, rename, corrected := "", false, 0
	wrong := 0
	for _, part := range strings.Split(what, "; ") {
		if m := noField.FindStringSubmatch(part); m != nil {
			name, rename = m[1], true
			wrong++
		} else if m := wrongWord.FindStringSubmatch(part); m != nil {
			name, rename = m[1], false
			wrong++
		} else if m := meantWord.FindStringSubmatch(part); m != nil && name != "" {
			if rename {
				args[m[1]] = args[name]
				delete(args, name)
			} else {
				args[name] = m[1]
			}
			name = ""
			corrected++
		}
	}
	return wrong > 0 && wrong == corrected
}

// involve tells the person what the answer says, with the field of the release that it points to. If the
// answer names a tool that the player has and the person agrees, the player calls it with the arguments
// that the answer names.
func (p *player) involve(tool string, args map[string]any, h heard, repeat bool) bool {
	request := h.what + " Next: " + h.advice
	for _, m := range readField.FindAllStringSubmatch(h.advice, -1) {
		value, err := json.Marshal(p.read(args["id"].(string))[m[1]])
		if err != nil {
			p.t.Fatal(err)
		}
		request += fmt.Sprintf(" (%s: %s)", m[1], value)
	}
	values, agreed := p.turn(request)
	if !agreed {
		p.stop("It waits for a person.")
		return false
	}
	for _, other := range slices.Sorted(maps.Keys(p.tools)) {
		clause := clauseWith(h.advice, other)
		if other == tool || clause == "" || p.tools[other].InputSchema.Properties["id"].Type == "" || strings.HasPrefix(other, "get_") {
			continue
		}
		more := map[string]any{"id": args["id"]}
		for name, property := range p.tools[other].InputSchema.Properties {
			switch mentioned := regexp.MustCompile(`\b` + name + `\b`).MatchString(clause); {
			case name == "id" || !mentioned:
			case property.Type == "array":
				more[name] = names.FindAllString(clause, -1)
			case values[name] != nil:
				more[name] = values[name]
			}
		}
		if len(more) == 1 {
			p.stuck(h)
			return false
		}
		if p.follow(other, more) == nil {
			return false
		}
	}
	if !repeat {
		p.stop("A person does it.")
	}
	return repeat
}

// clauseWith returns the part of a sentence that names a tool; "" if none does.
func clauseWith(text, tool string) string {
	for _, sentence := range strings.Split(text, ". ") {
		for _, clause := range strings.Split(sentence, ", and that ") {
			if strings.Contains(clause, tool) {
				return clause
			}
		}
	}
	return ""
}

// entries reads a release's log to its beginning, in pages as large as the answers allow, and returns the
// texts, oldest first.
func (p *player) entries(name string) []string {
	id := p.find(name)
	var texts []string
	args := map[string]any{"id": id, "detail": "concise"}
	for range 600 {
		value := p.call("get_release", args).value
		var page []string
		for _, e := range list(value["deploymentLog"]) {
			page = append(page, e["text"].(string))
		}
		texts = append(page, texts...)
		if value["olderLogEntries"] != true {
			return texts
		}
		args = map[string]any{"id": id, "logCursor": value["logCursor"]}
		for _, sentence := range strings.Split(fmt.Sprint(value["shortened"]), "; ") {
			if strings.Contains(sentence, "logLimit up to") && strings.Contains(sentence, "detail full") {
				args["logLimit"] = p.tools["get_release"].InputSchema.Properties["logLimit"].Maximum
			}
		}
		if args["logLimit"] == nil {
			args["logLimit"] = max(len(page), 20)
		}
	}
	p.t.Error("after 600 pages the log still has older entries")
	return nil
}

// undecided returns the change requests of a release that are not approved. It reads a concise answer,
// and the full one if that says it left some out.
func (p *player) undecided(name string) []string {
	id := p.find(name)
	value := p.read(id)
	for _, sentence := range strings.Split(strings.Trim(fmt.Sprint(value["shortened"]), "[]"), "; ") {
		if strings.Contains(sentence, "detail full shows more") {
			value = p.call("get_release", map[string]any{"id": id, "detail": "full", "logLimit": 0}).value
			break
		}
	}
	var ids []string
	for _, c := range list(value["linkedChangeRequests"]) {
		if c["approvalStatus"] != "Approved" {
			ids = append(ids, c["id"].(string))
		}
	}
	return ids
}

// outline puts a result into one line of the transcript.
func outline(v map[string]any) string {
	if all, ok := v["releases"]; ok {
		var ids []string
		for _, r := range list(all) {
			ids = append(ids, fmt.Sprintf("%s %s", r["id"], r["status"]))
		}
		more := ""
		if v["nextCursor"] != nil {
			more = ", and there are more"
		}
		return strings.Join(ids, ", ") + more
	}
	short := map[string]any{}
	for _, key := range []string{"id", "kind", "status", "revision", "allowedNextStatuses", "added", "removed", "unchanged", "olderLogEntries", "shortened"} {
		if v[key] != nil {
			short[key] = v[key]
		}
	}
	for _, key := range []string{"linkedChangeRequests", "deploymentLog", "holds"} {
		if n := len(list(v[key])); n > 0 {
			short[key] = n
		}
	}
	var next []string
	for _, n := range list(object(v["readiness"])["next"]) {
		if n["ready"] == true {
			next = append(next, fmt.Sprint(n["status"]))
		} else {
			next = append(next, fmt.Sprintf("%s: %s", n["status"], waiting(v, fmt.Sprint(n["status"]))))
		}
	}
	if next != nil {
		short["ready"] = next
		delete(short, "allowedNextStatuses")
	}
	text, _ := json.Marshal(short)
	return string(text)
}
