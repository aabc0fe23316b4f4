package mcptools

import (
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

// Rows are all of them, in order.
func Rows() []Row {
	arguments := map[string]reflect.Type{
		"list_releases": reflect.TypeFor[operations.ListReleasesInput](), "get_release": reflect.TypeFor[getArgs](), "create_release": reflect.TypeFor[createArgs](),
		"append_release_log": reflect.TypeFor[appendArgs](), "transition_release_status": reflect.TypeFor[transitionArgs](),
	}
	var rows []Row
	for _, t := range tools {
		rows = append(rows, Row{t.name, t.operation, t.writes, arguments[t.name]})
	}
	return rows
}

// Described are the tools as an Admin is shown them.
func Described() []*mcp.Tool { return described() }

// BePatient shortens what a tool may take, for one test.
func BePatient(t *testing.T, d time.Duration) {
	before := toolTimeout
	toolTimeout = d
	t.Cleanup(func() { toolTimeout = before })
}
