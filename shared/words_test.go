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

// riddles are names that a stranger cannot guess, with the field's word for each.
var riddles = map[string]string{
	"settleOn": "retryOnConflict", "insist": "retryWrite", "errAgain": "errConflict", "again": "say what is repeated",
	"made": "alreadyApplied", "whole": "checkWritable", "fresh": "checkRevision", "Whole": "ReleaseDetail",
	"Once": "IdempotencyKey", "Memory": "IdempotencyRecord", "remember": "recordAction", "Recall": "FindIdempotencyRecord",
	"Passage": "HistoryEntry", "Demand": "Guard", "Stamping": "Effect", "Move": "TransitionRequest",
	"Faults": "ValidationErrors", "Misread": "DecodeErrors", "hand": "say what is handed over", "keep": "say what is kept", "and": "mergedWith",
	"Relaxed": "EventuallyConsistent", "glancing": "eventuallyConsistent", "Publicly": "WithPublicURL",
	"situation": "snapshot", "Office": "Sender", "Letter": "Message", "Told": "RecipientState", "Tell": "LogDeliveryProblem", "Sparing": "SkipRecent",
	"stand": "placeholderSchema", "fact": "fieldDoc", "said": "docOf", "saying": "withWords",
	"Surroundings": "Env", "Quiet": "WaitIdle", "Reach": "HostAddress", "rights": "iam",
	"lab": "harness", "world": "fixture", "play": "simulation", "stage": "console", "story": "demo steps", "acts": "demo steps",
	"instant": "a codec named after its precision", "exact": "a codec named after its precision", "moment": "a codec named after its precision", "maybeMoment": "a codec named after its precision",
	"patience": "what waits: mailTimeout, toolTimeout", "takeBack": "withdraw",
}

// rightWords are riddles elsewhere and the field's own word where they stand.
var rightWords = map[string]string{
	"shared/local/streams Faults": "the faults of fault injection",
	"shared/local/bus Faults":     "the same",
	"shared/local/mailbox Faults": "the same",
	"shared/local/gateway stage":  "a stage of API Gateway",
}

// Names are the field's own: AWS's, ITIL's, HTTP's, Go's. What is declared must be found
// with grep under the word that a stranger would look for.
func TestNames_Declared_AreNoRiddles(t *testing.T) {
	declared := 0
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
		check := func(name *ast.Ident) {
			declared++
			if better, riddle := riddles[name.Name]; riddle && rightWords[folder+" "+name.Name] == "" {
				t.Errorf("%s: %s is a riddle; better: %s", files.Position(name.Pos()), name.Name, better)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				check(n.Name)
			case *ast.TypeSpec:
				check(n.Name)
			case *ast.StructType:
				for _, f := range n.Fields.List {
					for _, name := range f.Names {
						check(name)
					}
				}
			}
			return true
		})
		for _, d := range file.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				for _, spec := range g.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok {
						for _, name := range v.Names {
							check(name)
						}
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if declared < 2000 {
		t.Fatalf("only %d names were read", declared)
	}
}
