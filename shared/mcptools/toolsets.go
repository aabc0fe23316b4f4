package mcptools

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// ToolsetsHeader is the header in which a client says which tools it wants.
const ToolsetsHeader = "X-MCP-Toolsets"

// The sets of tools. readonly adds none: it removes all that write.
const (
	setCore      = "core"
	setPlanning  = "planning"
	setExecution = "execution"
	readonly     = "readonly"
)

var setNames = []string{setCore, setPlanning, setExecution, readonly}

// toolsets are the sets that one request asks for.
type toolsets struct {
	named    []string
	readonly bool
}

// readToolsets reads the header: names separated by commas, without regard to case. Where
// it names none, or only readonly, it asks for the core.
func readToolsets(h http.Header) (toolsets, error) {
	var t toolsets
	for _, name := range strings.Split(strings.Join(h.Values(ToolsetsHeader), ","), ",") {
		switch name = strings.ToLower(strings.TrimSpace(name)); {
		case name == "":
		case name == readonly:
			t.readonly = true
		case !slices.Contains(setNames, name):
			return t, fmt.Errorf("there is no toolset %.40q", name)
		case !slices.Contains(t.named, name):
			t.named = append(t.named, name)
		}
	}
	if len(t.named) == 0 {
		t.named = []string{setCore}
	}
	return t, nil
}

func (t toolsets) holds(one tool) bool {
	return slices.Contains(t.named, one.set) && (!t.readonly || !one.writes)
}

func (t toolsets) String() string {
	if t.readonly {
		return strings.Join(append(slices.Clone(t.named), readonly), ",")
	}
	return strings.Join(t.named, ",")
}

type toolsetsKey struct{}

func withToolsets(ctx context.Context, t toolsets) context.Context {
	return context.WithValue(ctx, toolsetsKey{}, t)
}

func toolsetsFrom(ctx context.Context) toolsets {
	if t, ok := ctx.Value(toolsetsKey{}).(toolsets); ok {
		return t
	}
	return toolsets{named: []string{setCore}}
}

// offered tells whether the caller is shown a tool: their role allows the operation, and
// the tool is in the sets that they asked for.
func offered(ctx context.Context, name string) bool {
	t, found := find(name)
	who, _ := release.CallerFrom(ctx)
	return found && who.Role >= operations.Roles[t.operation] && toolsetsFrom(ctx).holds(t)
}

// notOffered refuses a tool outside the sets, and says how to get it.
func (t tool) notOffered(ctx context.Context) string {
	asked := toolsetsFrom(ctx)
	next := fmt.Sprintf("ask the person you work for whether to add %s to the toolsets that your client asks for (header %s, or RELEASES_TOOLSETS over stdio)", t.set, ToolsetsHeader)
	if asked.readonly && t.writes {
		next = "tell the person you work for that this connection only reads"
	}
	return fmt.Sprintf("NOT_OFFERED: This connection has the toolsets %s; %s is not among their tools. Nothing was changed. Next: %s.", asked, t.name, next)
}

// shownTools are the bytes that tools/list shows of each tool, by name.
var shownTools = sync.OnceValue(func() map[string][]byte {
	var all []json.RawMessage
	if err := json.Unmarshal(toolsJSON, &all); err != nil {
		panic("mcptools: tools.json: " + err.Error()) // a test refuses such a build
	}
	shown := make(map[string][]byte, len(all))
	for _, one := range all {
		var named struct {
			Name string `json:"name"`
		}
		var b bytes.Buffer
		if json.Unmarshal(one, &named) != nil || json.Compact(&b, one) != nil {
			panic("mcptools: tools.json holds no tools")
		}
		shown[named.Name] = b.Bytes()
	}
	return shown
})

// noTools is the empty list as the SDK writes it. An id cannot contain it, since quotation
// marks are escaped there.
var noTools = []byte(`"tools":[]`)

// list is what replaces noTools for a caller: fixed bytes for each role and sets. The SDK
// would take longer to write the schemas than everything else in a call takes.
func list(ctx context.Context) []byte {
	out := []byte(`"tools":[`)
	first := true
	for _, t := range tools {
		if !offered(ctx, t.name) {
			continue
		}
		if !first {
			out = append(out, ',')
		}
		out, first = append(out, shownTools()[t.name]...), false
	}
	return append(out, ']')
}
