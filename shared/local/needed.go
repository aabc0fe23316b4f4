package local

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"

	"example.com/releases/shared/local/invoke"
)

// needed returns the variables that a function's main requires from host.FromEnvironment. They
// are listed nowhere else, so they are read from the source.
func needed(root, function string) ([]string, error) {
	path := filepath.Join(root, "functions", function, "main.go")
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return nil, fmt.Errorf("which variables %s needs: %w", function, err)
	}
	var names []string
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if f, ok := call.Fun.(*ast.SelectorExpr); !ok || f.Sel.Name != "FromEnvironment" {
			return true
		}
		for _, argument := range call.Args {
			if literal, ok := argument.(*ast.BasicLit); ok {
				if name, err := strconv.Unquote(literal.Value); err == nil {
					names = append(names, name)
				}
			}
		}
		return true
	})
	return names, nil
}

// missing returns those that the environment lacks.
func missing(needed []string, env map[string]string) []string {
	var names []string
	for _, name := range needed {
		if strings.TrimSpace(env[name]) == "" {
			names = append(names, name)
		}
	}
	return names
}

// failsAtStart returns a function that fails every invocation, as on Lambda when its process
// ends during the start. The other functions keep working.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html ("Failures
// during the Init phase").
func failsAtStart(function string, variables []string) invoke.Function {
	return func(context.Context, []byte) ([]byte, error) {
		return nil, fmt.Errorf("%s ended before it took an invocation: %s not set; declare it in the function's Environment in template.yaml", function, strings.Join(variables, ", "))
	}
}
