package openapi

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"example.com/releases/shared/rest"
)

var (
	//go:embed page.html
	layout string
	//go:embed page.css
	style string
)

// Page is the document for people: one page without scripts, which shows everything
// that the document says.
func Page(document []byte) ([]byte, error) {
	var d description
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, err
	}
	page, err := template.New("page").Funcs(template.FuncMap{
		"markdown": markdown, "unbroken": unbroken, "kind": d.kind, "pretty": pretty, "curl": curl, "last": last, "upper": strings.ToUpper,
		"resolve": d.resolve, "anchor": anchor, "text": http.StatusText, "contains": slices.Contains[[]string],
	}).Parse(layout)
	if err != nil {
		return nil, err
	}
	view := struct {
		Style    template.CSS
		Document description
		Sections []section
		Problems []rest.Problem
	}{Style: template.CSS(style), Document: d} // our own
	for _, t := range d.Tags {
		s := section{Tag: t}
		for _, r := range rest.Routes() {
			o := d.Paths[rest.Base+r.Path][strings.ToLower(r.Method)]
			if slices.Contains(o.Tags, t.Name) {
				s.Operations = append(s.Operations, shown{r.Method, rest.Base + r.Path, o})
			}
		}
		view.Sections = append(view.Sections, s)
	}
	for i := range rest.Codes {
		view.Problems = append(view.Problems, rest.ProblemOf(&rest.Codes[i].Example, true))
	}
	var b bytes.Buffer
	err = page.Execute(&b, view)
	return b.Bytes(), err
}

// What the page needs of the document.
type (
	description struct {
		Info       struct{ Title, Version, Summary, Description string }
		Tags       []tag
		Paths      map[string]map[string]operation
		Components struct {
			Parameters map[string]parameter
			Schemas    map[string]schema
		}
	}
	tag       struct{ Name, Description string }
	operation struct {
		OperationID, Summary, Description string
		Tags                              []string
		Parameters                        []parameter
		RequestBody                       struct{ Content map[string]content }
		Responses                         map[string]struct {
			Description string
			Content     map[string]content
		}
	}
	parameter struct {
		Ref                   string `json:"$ref"`
		Name, In, Description string
		Required              bool
		Schema                schema
	}
	content struct {
		Schema   schema
		Example  json.RawMessage
		Examples map[string]struct {
			Ref string `json:"$ref"`
		}
	}
	schema struct {
		Ref                  string `json:"$ref"`
		Type                 any
		Format, Description  string
		Items                *schema
		Properties           properties
		Required             []string
		Enum                 []any
		Minimum, Maximum     *int
		MinLength, MaxLength *int
		MaxItems             *int
		Default              any
	}
	section struct {
		Tag        tag
		Operations []shown
	}
	shown struct {
		Method, Path string
		Operation    operation
	}
	named struct {
		Name   string
		Schema schema
	}
)

// properties keeps the order in which the document lists them.
type properties []named

// UnmarshalJSON reads the members one after the other.
func (p *properties) UnmarshalJSON(raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		n := named{Name: name.(string)}
		if err := d.Decode(&n.Schema); err != nil {
			return err
		}
		*p = append(*p, n)
	}
	return nil
}

func (d description) resolve(p parameter) parameter {
	if p.Ref == "" {
		return p
	}
	return d.Components.Parameters[last(p.Ref)]
}

// kind describes a schema in short, with a link to the one it refers to.
func (d description) kind(s schema) template.HTML {
	if s.Ref != "" {
		name := last(s.Ref)
		return template.HTML(`<a href="#schema-` + name + `">` + name + `</a>`) // names of our own types
	}
	words := ""
	switch t := s.Type.(type) {
	case string:
		words = t
	case []any:
		words = t[0].(string) + " or null"
	}
	if s.Format != "" {
		words += " (" + s.Format + ")"
	}
	out := template.HTML(template.HTMLEscapeString(words)) // escaped
	if s.Items != nil {
		out = "list of " + d.kind(*s.Items)
	}
	return out
}

func last(ref string) string { return ref[strings.LastIndex(ref, "/")+1:] }

func anchor(s string) string { return strings.ReplaceAll(strings.ToLower(s), " ", "-") }

func pretty(raw json.RawMessage) (string, error) {
	var b bytes.Buffer
	err := json.Indent(&b, raw, "", "  ")
	return b.String(), err
}

// curl is the operation as a line for a shell that has URL, TOKEN and what the path names
// in its variables.
func curl(o shown) (string, error) {
	path := inPath.ReplaceAllStringFunc(o.Path, func(name string) string {
		return "$" + strings.ToUpper(strings.Trim(name, "{}"))
	})
	line := `curl "$URL` + path + `" -H "Authorization: Bearer $TOKEN"`
	if o.Method != http.MethodGet && (o.Method != http.MethodPost || len(o.Operation.RequestBody.Content) == 0) {
		line = strings.Replace(line, "curl ", "curl -X "+o.Method+" ", 1)
	}
	for _, kind := range slices.Sorted(maps.Keys(o.Operation.RequestBody.Content)) {
		var b bytes.Buffer
		if err := json.Compact(&b, o.Operation.RequestBody.Content[kind].Example); err != nil {
			return "", err
		}
		// One of them is enough: JSON, which every route takes.
		if kind == "application/json" {
			line += ` -H "Content-Type: ` + kind + `" -d '` + strings.ReplaceAll(b.String(), "'", `'\''`) + `'`
		}
	}
	return line, nil
}

var inPath = regexp.MustCompile(`\{[a-z]+\}`)

var (
	code     = regexp.MustCompile("`([^`]+)`")
	strong   = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	emphasis = regexp.MustCompile(`\*([^*]+)\*`)
)

// recordID is the id of a release, a change request or a task in an example.
var recordID = regexp.MustCompile(`\b(?:REL|CHG|TASK)-[0-9A-Z-]*[0-9A-Z]`)

// unbroken keeps the ids in a text on one line each; lines may break after a hyphen.
func unbroken(s string) template.HTML {
	return template.HTML(recordID.ReplaceAllString(template.HTMLEscapeString(s), `<span class="id">$0</span>`)) // escaped
}

// markdown renders the little Markdown that the document uses.
func markdown(s string) template.HTML {
	var b strings.Builder
	for p := range strings.SplitSeq(template.HTMLEscapeString(s), "\n\n") {
		p = code.ReplaceAllString(p, "<code>$1</code>")
		p = strong.ReplaceAllString(p, "<strong>$1</strong>")
		b.WriteString("<p>" + emphasis.ReplaceAllString(p, "<em>$1</em>") + "</p>\n")
	}
	return template.HTML(b.String()) // escaped above
}
