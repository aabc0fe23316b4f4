package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// shipping finds the build settings of the deployed functions in the Makefile, so that tests
// use the same ones.
var shipping = regexp.MustCompile(`(?m)^lambda_env = CGO_ENABLED=(\d) GOFLAGS="(.*)"$`)

// Environment returns the environment in which functions are built.
func Environment(root string) ([]string, error) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		return nil, err
	}
	env := shipping.FindStringSubmatch(string(makefile))
	if env == nil {
		return nil, errors.New("the Makefile does not say how Lambdas are built: its line lambda_env is looked for")
	}
	return []string{"CGO_ENABLED=" + env[1], "GOFLAGS=" + env[2]}, nil
}

// Build builds functions as they ship, for the processor of this machine, and returns
// the path of each by its name. The folder from is the root of the module; into gets
// the files.
func Build(ctx context.Context, from, into string, functions []string) (map[string]string, error) {
	env, err := Environment(from)
	if err != nil {
		return nil, err
	}
	args := []string{"build", "-o", into + string(filepath.Separator)}
	paths := make(map[string]string, len(functions))
	for _, name := range functions {
		args = append(args, "./functions/"+name)
		paths[name] = filepath.Join(into, filepath.Base(name))
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = from
	cmd.Env = append(append(os.Environ(), env...), "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return paths, nil
}
