package engine

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const version = "dynamodb-local-2.6.1"

//go:embed pom.xml
var pom []byte

// sumList lists every file that mvn fetches for the pom, in the format of sha256sum. The
// licence forbids redistributing the files, so they are never committed.
//
//go:embed files.sha256
var sumList []byte

// fetch returns the directory with the engine's files, after checking their sums. It fetches
// them if they are missing; any number of processes may call it at once.
func fetch(ctx context.Context, base string, log io.Writer) (string, error) {
	sums, err := parseSums(sumList)
	if err != nil {
		return "", err
	}
	return ensure(ctx, base, sums, func(ctx context.Context, dir string) error {
		fmt.Fprintln(log, "Getting DynamoDB Local 2.6.1 from Maven Central, 51 MB, once …")
		return maven(ctx, dir)
	})
}

// ensure does the work of fetch with any list of sums and any way to get the files.
func ensure(ctx context.Context, base string, sums map[string]string, get func(ctx context.Context, dir string) error) (string, error) {
	lib := filepath.Join(base, version)
	if _, err := os.Stat(lib); err == nil {
		return lib, check(lib, sums)
	}
	if err := os.MkdirAll(base, 0o755); err != nil {
		return "", fmt.Errorf("make a directory for the engine: %w", err)
	}
	lock, err := lockFile(ctx, filepath.Join(base, "lock"))
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if _, err := os.Stat(lib); err == nil { // another process was faster
		return lib, check(lib, sums)
	}
	// Only a complete and verified directory ever gets the name that is looked for.
	part, err := os.MkdirTemp(base, "part-")
	if err != nil {
		return "", fmt.Errorf("make a directory for the engine: %w", err)
	}
	defer os.RemoveAll(part)
	files := filepath.Join(part, "lib")
	if err := get(ctx, files); err != nil {
		return "", err
	}
	if err := verify(files, sums); err != nil {
		return "", fmt.Errorf("what was fetched is not what is recorded in shared/local/engine/files.sha256: %w", err)
	}
	if err := os.Rename(files, lib); err != nil {
		return "", fmt.Errorf("put the engine in its place: %w", err)
	}
	return lib, nil
}

// check is verify with an error that says what to do. Reading all 51 MB takes less than a
// tenth of Java's start.
func check(lib string, sums map[string]string) error {
	if err := verify(lib, sums); err != nil {
		return fmt.Errorf("the engine's files are damaged (%w); remove %s and start again to fetch them anew", err, lib)
	}
	return nil
}

// verify checks a directory against a list of sums: every file is there and unchanged, and
// there are no others, because Java would load them.
func verify(dir string, sums map[string]string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(sums) == 0 {
		return errors.New("the list of sums is empty")
	}
	missing := maps.Clone(sums)
	for _, e := range entries {
		want, listed := sums[e.Name()]
		if !listed {
			return fmt.Errorf("%s does not belong there", e.Name())
		}
		delete(missing, e.Name())
		got, err := sum(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("%s has the sum %s, not %s", e.Name(), got, want)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s is missing", slices.Sorted(maps.Keys(missing))[0])
	}
	return nil
}

func sum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func parseSums(list []byte) (map[string]string, error) {
	sums := make(map[string]string)
	lines := bufio.NewScanner(bytes.NewReader(list))
	for lines.Scan() {
		sum, name, ok := strings.Cut(lines.Text(), "  ")
		if !ok || len(sum) != sha256.Size*2 || name == "" || strings.ContainsAny(name, `/\`) {
			return nil, fmt.Errorf("a line of files.sha256 is wrong: %q", lines.Text())
		}
		sums[name] = sum
	}
	return sums, lines.Err()
}

// maven fetches the files with mvn, through whatever mirror or proxy the machine is configured
// for.
func maven(ctx context.Context, dir string) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return errors.New("the database engine is fetched with Maven, and there is no mvn on the PATH: install it (apt-get install maven, or brew install maven), or set " +
			EndpointVariable + " to the URL of an engine that runs already")
	}
	project := filepath.Join(filepath.Dir(dir), "pom.xml")
	if err := os.WriteFile(project, pom, 0o644); err != nil {
		return err
	}
	var output tail
	cmd := exec.CommandContext(ctx, mvn, "-B", "-q", "-f", project, "dependency:copy-dependencies", "-DoutputDirectory="+dir)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("mvn could not fetch the database engine (%w). Is the network there? Its last words:\n%s", err, &output)
	}
	return nil
}
