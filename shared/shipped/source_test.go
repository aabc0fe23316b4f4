package shipped_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/releases/shared/local/iam"
)

// store is what the source of package dynamo says, by the name of a function ("retry") or method
// ("Store.Release").
type store struct {
	names   map[string]string   // what the linker calls it
	effects map[string][]effect // its actions on tables
	calls   map[string][]call   // its calls of others of the package that pass a table on
	client  map[string][]string // the operations of the SDK's client that it calls
	keeps   map[string][]string // the tables in which it keeps idempotency records
}

// effect is an action on a table, or on the table that a parameter names.
type effect struct {
	action, table, index string
	parameter            int // the parameter's number, where table is empty
}

// call is a call of a function of the package.
type call struct {
	to     string
	tables map[int]string // the tables among the arguments, by number
	passed map[int]int    // the caller's own parameters among them: argument to parameter
}

// idempotencyTable stands for the table of an idempotency record, whichever that is: uses puts
// in those in which the functions of a file keep such records.
const idempotencyTable = "the idempotency record's"

// readStore reads what the functions of package dynamo do. It understands only the ways in which
// that package is written (s.db, s.tables, the SDK's inputs as literals), and fails on others.

func readStore(t *testing.T, dir string) *store {
	t.Helper()
	s := &store{map[string]string{}, map[string][]effect{}, map[string][]call{}, map[string][]string{}, map[string][]string{}}
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	constants := map[string]string{}
	var declared []*ast.FuncDecl
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				declared = append(declared, d)
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok && d.Tok == token.CONST {
						for i := range v.Values {
							if text, ok := literal(v.Values[i]); ok {
								constants[v.Names[i].Name] = text
							}
						}
					}
				}
			}
		}
	}
	for _, d := range declared {
		name, symbol := called(d), pkg+d.Name.Name
		if d.Recv != nil {
			symbol = pkg + name
			if _, pointer := d.Recv.List[0].Type.(*ast.StarExpr); pointer {
				symbol = pkg + "(*" + strings.Replace(name, ".", ").", 1)
			}
		}
		s.names[name] = symbol
	}
	for _, d := range declared {
		r := &reader{t: t, fset: fset, store: s, decl: d, constants: constants, parameters: map[string]int{}}
		n := 0
		for _, field := range d.Type.Params.List {
			for _, p := range field.Names {
				r.parameters[p.Name] = n
				n++
			}
		}
		ast.Inspect(d.Body, r.look)
	}
	s.close()
	if len(s.effects) < 20 {
		t.Fatalf("only %d functions of package dynamo were found to act on a table, want 20 or more", len(s.effects))
	}
	return s
}

// called returns a function's name, with its type before it where it is a method.
func called(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	of := d.Recv.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	return of.(*ast.Ident).Name + "." + d.Name.Name
}

// close computes the closure over calls: where a callee acts on the table that a parameter
// names, that is an effect of the caller which passes the table.
func (s *store) close() {
	for changed := true; changed; {
		changed = false
		for caller, calls := range s.calls {
			for _, c := range calls {
				for _, e := range s.effects[c.to] {
					if e.table != "" {
						continue
					}
					if table := c.tables[e.parameter]; table != "" {
						e = effect{e.action, table, e.index, 0}
					} else if own, ok := c.passed[e.parameter]; ok {
						e.parameter = own
					} else {
						continue
					}
					if !slices.Contains(s.effects[caller], e) {
						s.effects[caller] = append(s.effects[caller], e)
						changed = true
					}
				}
			}
		}
	}
}

var isOperation = regexp.MustCompile(`^[A-Z][A-Za-z]+$`)

// uses returns the rights on tables that a file needs.
func (s *store) uses(t *testing.T, function string, content []byte) []iam.Right {
	t.Helper()
	var list []iam.Right
	add := func(action, table, index string) {
		r := iam.Right{Action: "dynamodb:" + action, Resource: table + "Table.Arn"}
		if index != "" {
			r.Resource += "/index/" + index
		}
		if !slices.Contains(list, r) {
			list = append(list, r)
		}
	}
	linked, asked := names(content, pkg), map[string]bool{}
	var records []string
	for name, symbol := range s.names {
		if linked[symbol] {
			records = append(records, s.keeps[name]...)
			for _, operation := range s.client[name] {
				asked[operation] = true
			}
		}
	}
	for name, symbol := range s.names {
		if !linked[symbol] {
			continue
		}
		for _, e := range s.effects[name] {
			switch e.table {
			case "":
			case idempotencyTable:
				for _, table := range records {
					add(e.action, table, e.index)
				}
			default:
				add(e.action, e.table, e.index)
			}
		}
	}
	// The SDK's operations in the file must be those that readStore saw in the source; otherwise
	// it has overlooked a call.
	inFile := map[string]bool{}
	client := sdk + "dynamodb.(*Client)."
	for name := range names(content, client) {
		// The SDK always links DescribeEndpoints, and calls it only where endpoint discovery is
		// switched on, which DynamoDB does not need.
		if operation := strings.TrimPrefix(name, client); isOperation.MatchString(operation) && operation != "Options" && operation != "DescribeEndpoints" {
			inFile[operation] = true
		}
	}
	if !maps.Equal(asked, inFile) {
		t.Errorf("%s: by the source it calls %v, and the file has %v", function, slices.Sorted(maps.Keys(asked)), slices.Sorted(maps.Keys(inFile)))
	}
	return list
}

// reader goes through the source of one function.
type reader struct {
	t          *testing.T
	fset       *token.FileSet
	store      *store
	decl       *ast.FuncDecl
	constants  map[string]string
	parameters map[string]int
}

// actions are the IAM actions that the SDK's types stand for.
var actions = map[string]string{
	"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem",
	"GetItemInput": "GetItem", "PutItemInput": "PutItem", "UpdateItemInput": "UpdateItem", "DeleteItemInput": "DeleteItem", "QueryInput": "Query", "ScanInput": "Scan",
	"KeysAndAttributes": "BatchGetItem", "WriteRequest": "BatchWriteItem",
}

func (r *reader) look(n ast.Node) bool {
	name := called(r.decl)
	switch n := n.(type) {
	case *ast.CompositeLit:
		r.value(n)
	case *ast.CallExpr:
		sel, method := n.Fun.(*ast.SelectorExpr)
		callee, plain := n.Fun.(*ast.Ident)
		switch {
		case method && isClient(sel.X):
			r.store.client[name] = append(r.store.client[name], sel.Sel.Name)
		case method && sel.Sel.Name == "keepRecordIn":
			r.store.keeps[name] = append(r.store.keeps[name], table(n.Args[0]))
		case method && isStore(sel.X) && r.store.names["Store."+sel.Sel.Name] != "":
			r.call("Store."+sel.Sel.Name, n.Args)
		case plain && r.store.names[callee.Name] != "":
			r.call(callee.Name, n.Args)
		}
	}
	return true
}

func (r *reader) call(to string, args []ast.Expr) {
	c := call{to, map[int]string{}, map[int]int{}}
	for i, a := range args {
		if id, ok := a.(*ast.Ident); ok {
			if p, ok := r.parameters[id.Name]; ok {
				c.passed[i] = p
			}
		} else if name := table(a); name != "" {
			c.tables[i] = name
		}
	}
	if len(c.tables)+len(c.passed) > 0 {
		name := called(r.decl)
		r.store.calls[name] = append(r.store.calls[name], c)
	}
}

// value finds the actions in values of the SDK's types.
func (r *reader) value(lit *ast.CompositeLit) {
	switch kind := lit.Type.(type) {
	case *ast.SelectorExpr:
		action := actions[kind.Sel.Name]
		var tableName, indexName ast.Expr
		for _, e := range lit.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				switch key, _ := kv.Key.(*ast.Ident); {
				case key == nil:
				case key.Name == "TableName":
					tableName = kv.Value
				case key.Name == "IndexName":
					indexName = kv.Value
				}
			}
		}
		if tableName == nil {
			return // requests without one are in a map by table: below
		}
		if action == "" {
			r.t.Errorf("%s: a %s has a TableName, and actions does not say what it does", r.fset.Position(lit.Pos()), kind.Sel.Name)
		}
		indexes := []string{""}
		if indexName != nil {
			indexes = r.texts(indexName)
		}
		for _, index := range indexes {
			r.effect(action, tableName, index)
		}
	case *ast.MapType:
		of := kind.Value
		if list, ok := of.(*ast.ArrayType); ok {
			of = list.Elt
		}
		sel, ok := of.(*ast.SelectorExpr)
		if !ok || actions[sel.Sel.Name] == "" {
			return
		}
		for _, e := range lit.Elts {
			r.effect(actions[sel.Sel.Name], e.(*ast.KeyValueExpr).Key, "")
		}
	}
}

func (r *reader) effect(action string, on ast.Expr, index string) {
	e := effect{action: action, table: table(on), index: index}
	if e.table == "" {
		if u, ok := on.(*ast.UnaryExpr); ok {
			on = u.X
		}
		id, ok := on.(*ast.Ident)
		if ok {
			e.parameter, ok = r.parameters[id.Name]
		}
		if !ok {
			r.t.Errorf("%s: the table of this %s is neither s.tables.X nor a parameter", r.fset.Position(on.Pos()), action)
			return
		}
	}
	name := called(r.decl)
	if !slices.Contains(r.store.effects[name], e) {
		r.store.effects[name] = append(r.store.effects[name], e)
	}
}

// texts returns the values that an index's name can have: a literal, a constant, or whatever is
// assigned to a variable of the function.
func (r *reader) texts(n ast.Expr) []string {
	switch n := n.(type) {
	case *ast.CallExpr: // aws.String
		return r.texts(n.Args[0])
	case *ast.UnaryExpr: // &index
		return r.texts(n.X)
	case *ast.BasicLit:
		text, _ := literal(n)
		return []string{text}
	case *ast.Ident:
		if text, ok := r.constants[n.Name]; ok {
			return []string{text}
		}
		var all []string
		ast.Inspect(r.decl.Body, func(x ast.Node) bool {
			assign, ok := x.(*ast.AssignStmt)
			if !ok || len(assign.Lhs) != len(assign.Rhs) {
				return true
			}
			for i, left := range assign.Lhs {
				if id, ok := left.(*ast.Ident); ok && id.Name == n.Name {
					if text, ok := literal(assign.Rhs[i]); ok {
						all = append(all, text)
					} else if name, ok := assign.Rhs[i].(*ast.Ident); ok && r.constants[name.Name] != "" {
						all = append(all, r.constants[name.Name])
					}
				}
			}
			return true
		})
		if len(all) > 0 {
			return all
		}
	}
	r.t.Errorf("%s: the name of this index is neither a literal, nor a constant, nor a variable that is assigned one", r.fset.Position(n.Pos()))
	return nil
}

// table returns the name in s.tables.Releases or &s.tables.Releases, here "Releases".
func table(n ast.Expr) string {
	if u, ok := n.(*ast.UnaryExpr); ok {
		n = u.X
	}
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if inner, ok := sel.X.(*ast.SelectorExpr); ok {
		switch {
		case inner.Sel.Name == "tables":
			return sel.Sel.Name
		case inner.Sel.Name == "Idempotency" && sel.Sel.Name == "table":
			return idempotencyTable
		}
	}
	return ""
}

// isStore goes by the name that every method gives its receiver.
func isStore(n ast.Expr) bool {
	id, ok := n.(*ast.Ident)
	return ok && id.Name == "s"
}

func isClient(n ast.Expr) bool {
	sel, ok := n.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "db"
}

func literal(n ast.Expr) (string, bool) {
	lit, ok := n.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}
