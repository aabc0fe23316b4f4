package mcptools

import (
	"encoding/json"
	"flag"
	"reflect"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"example.com/releases/shared/operations"
)

// Update writes the golden files: go test ./shared/mcptools -update.
var Update = flag.Bool("update", false, "write the golden files")

// Row is a tool's row with the type of its arguments, for tests outside the package.
type Row struct {
	Name      string
	Operation operations.Name
	Writes    bool
	Arguments reflect.Type
}

// Rows returns the rows of all tools, in order.
func Rows() []Row {
	arguments := map[string]reflect.Type{
		"update_release": reflect.TypeFor[updateArgs](), "add_changes": reflect.TypeFor[addChangesArgs](), "list_change_requests": reflect.TypeFor[operations.ListChangesInput](), "complete_step": reflect.TypeFor[stepArgs](),
		"list_releases": reflect.TypeFor[operations.ListReleasesInput](), "get_release": reflect.TypeFor[getArgs](), "create_release": reflect.TypeFor[createArgs](),
		"append_release_log": reflect.TypeFor[appendArgs](), "transition_release_status": reflect.TypeFor[transitionArgs](),
	}
	var rows []Row
	for _, t := range tools {
		rows = append(rows, Row{t.name, t.operation, t.writes, arguments[t.name]})
	}
	return rows
}

// Described returns the tools of all toolsets as they are shown to clients.
func Described() []*mcp.Tool {
	var all []struct {
		mcp.Tool
		InputSchema  json.RawMessage `json:"inputSchema"`
		OutputSchema json.RawMessage `json:"outputSchema"`
	}
	if err := json.Unmarshal(toolsJSON, &all); err != nil {
		panic(err)
	}
	shown := make([]*mcp.Tool, len(all))
	for i, t := range all {
		one := t.Tool
		one.InputSchema, one.OutputSchema = t.InputSchema, t.OutputSchema
		shown[i] = &one
	}
	return shown
}

// SetToolTimeout sets how long a tool may take, for one test.
func SetToolTimeout(t *testing.T, d time.Duration) {
	before := toolTimeout
	toolTimeout = d
	t.Cleanup(func() { toolTimeout = before })
}
