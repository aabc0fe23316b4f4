package arrows_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// riddles are names that a stranger cannot guess, with the field's word for each. A name is
// one of them in either spelling: exported or not.
var riddles = map[string]string{
	"settleOn": "retryOnConflict", "insist": "retryWrite", "errAgain": "errConflict", "again": "say what is repeated",
	"made": "alreadyApplied, created", "whole": "checkWritable; ReleaseDetail", "fresh": "checkRevision; say what is new",
	"once": "IdempotencyKey; say what is done once", "memory": "IdempotencyRecord", "remember": "recordAction", "recall": "FindIdempotencyRecord",
	"passage": "HistoryEntry", "demand": "Guard", "stamping": "Effect", "move": "TransitionRequest, transition",
	"faults": "ValidationErrors", "misread": "DecodeErrors", "hand": "say what is handed over", "keep": "say what is kept", "and": "mergedWith",
	"relaxed": "EventuallyConsistent", "glancing": "eventuallyConsistent", "publicly": "WithPublicURL",
	"situation": "snapshot", "office": "Sender", "post": "send", "letter": "Message", "told": "RecipientState", "tell": "LogDeliveryProblem", "sparing": "SkipRecent",
	"stand": "placeholderSchema", "fact": "fieldDoc", "said": "docOf; say what it is", "saying": "withWords",
	"surroundings": "Env", "quiet": "WaitIdle", "reach": "HostAddress", "rights": "iam",
	"lab": "harness", "world": "fixture", "play": "simulation", "stage": "console", "story": "demo steps", "acts": "demo steps",
	"instant": "a codec named after its precision", "exact": "a codec named after its precision", "moment": "a codec named after its precision", "maybeMoment": "a codec named after its precision",
	"patience": "what waits: mailTimeout, toolTimeout", "takeBack": "withdraw",
}

// riddlesOfFunctions are riddles as the names of functions, methods and types only: ctx and
// in, or the rest of a list, are what Go's own code calls its variables.
var riddlesOfFunctions = map[string]string{
	"at": "WithClock; what is found there", "in": "what is found there", "rest": "what remains", "order": "the input's name",
}

// rightWords are riddles elsewhere and the field's own word where they stand.
var rightWords = map[string]string{
	"shared/local/streams faults": "the faults of fault injection",
	"shared/local/bus faults":     "the same",
	"shared/local/mailbox faults": "the same",
	"shared/settle faults":        "the same",
	"shared/notify faults":        "the same",
	"shared/local/gateway stage":  "a stage of API Gateway",
	"shared/local/template stage": "the same",
	"shared/identity fresh":       "what a cached answer is until it is stale, RFC 9111",
	"shared/mcptools/bridge post": "HTTP's method",
	"shared/rest post":            "the same",
	"shared/glyph letter":         "a letter of an alphabet",
	"shared/shipped memory":       "megabytes",
	"shared/local/budget exact":   "a budget that is to be met, no less",
}

// Names are the field's own: AWS's, ITIL's, HTTP's, Go's. What is declared, were it a
// variable of three lines, must be found with grep under the word that a stranger would
// look for.
func TestNames_Declared_AreNoRiddles(t *testing.T) {
	declared := map[string]int{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && (name == "testdata" || name != ".." && strings.HasPrefix(name, ".")) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		folder := filepath.ToSlash(strings.TrimPrefix(filepath.Dir(path), "../"))
		eachDeclared(file, func(kind string, name *ast.Ident) {
			declared[kind]++
			folded := strings.ToLower(name.Name[:1]) + name.Name[1:]
			better, riddle := riddles[folded]
			if !riddle && (kind == "function" || kind == "type") {
				better, riddle = riddlesOfFunctions[folded]
			}
			if riddle && rightWords[folder+" "+folded] == "" {
				t.Errorf("%s: the %s %s is a riddle; better: %s", files.Position(name.Pos()), kind, name.Name, better)
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for kind, least := range map[string]int{
		"package": 300, "import": 20, "function": 2000, "type": 300, "field": 5000, "variable": 5000,
	} {
		if declared[kind] < least {
			t.Errorf("only %d names of the kind %s were read", declared[kind], kind)
		}
	}
}

// eachDeclared visits every name that a file declares, in whatever it is declared: a
// parameter, a receiver and a result are fields, as they are to go/ast.
func eachDeclared(file *ast.File, visit func(kind string, name *ast.Ident)) {
	visit("package", file.Name)
	assigned := func(names ...ast.Expr) {
		for _, e := range names {
			if name, ok := e.(*ast.Ident); ok {
				visit("variable", name)
			}
		}
	}
	named := func(kind string, of ast.Expr, names []*ast.Ident) {
		if s, ok := of.(*ast.SelectorExpr); ok && s.Sel.Name == "Once" {
			return // a sync.Once is called once, in Go's own code too
		}
		for _, name := range names {
			visit(kind, name)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			if n.Name != nil {
				visit("import", n.Name)
			}
		case *ast.FuncDecl:
			visit("function", n.Name)
		case *ast.TypeSpec:
			visit("type", n.Name)
		case *ast.Field:
			named("field", n.Type, n.Names)
		case *ast.ValueSpec:
			named("variable", n.Type, n.Names)
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				assigned(n.Lhs...)
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				assigned(n.Key, n.Value)
			}
		case *ast.LabeledStmt:
			visit("label", n.Label)
		}
		return true
	})
}
