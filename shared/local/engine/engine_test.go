package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/local/template"
)

// parentRole is a variable with which the test binary is a process that starts an engine and
// then ends as the value says.
const parentRole = "ENGINE_TEST_PARENT"

func TestMain(m *testing.M) {
	if role := os.Getenv(parentRole); role != "" {
		parentProcess(role)
		return
	}
	os.Exit(m.Run())
}

func parentProcess(role string) {
	e, err := Start(context.Background(), Options{Dir: os.Getenv("ENGINE_TEST_DIR")})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(3)
	}
	fmt.Println(e.child.pid(), e.port, e.child.run)
	if role == "panic" {
		panic("as a test that times out does")
	}
	select {} // until a signal
}

// parent starts such a process and returns it with the pid of java, its port and the
// directory of its run.
func parent(t *testing.T, role, data string) (cmd *exec.Cmd, pid, port int, run string) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), parentRole+"="+role, "ENGINE_TEST_DIR="+data)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the parent said nothing: %v", err)
	}
	if _, err := fmt.Sscan(line, &pid, &port, &run); err != nil {
		t.Fatalf("the parent said %q", line)
	}
	return cmd, pid, port, run
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// gone waits until neither java nor its port nor its directory is left.
func gone(t *testing.T, pid, port int, run string) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		_, err := os.Stat(run)
		l, listenErr := net.Listen("tcp", ":"+strconv.Itoa(port))
		if listenErr == nil {
			l.Close()
		}
		if !alive(pid) && listenErr == nil && errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind: java alive %v, port: %v, directory: %v", alive(pid), listenErr, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// However the process that started the engine ends, nothing of the engine may be left.
func TestEngine_ParentKilled_LeavesNoOrphan(t *testing.T) {
	for _, end := range []struct {
		name, role string
		signal     syscall.Signal
	}{
		{"SIGKILL", "wait", syscall.SIGKILL},
		{"Ctrl-C", "wait", syscall.SIGINT},
		{"panic", "panic", 0},
	} {
		t.Run(end.name, func(t *testing.T) {
			t.Parallel()
			cmd, pid, port, run := parent(t, end.role, "")
			if end.signal != 0 {
				if !alive(pid) {
					t.Fatal("java is not alive to begin with")
				}
				if err := cmd.Process.Signal(end.signal); err != nil {
					t.Fatal(err)
				}
			}
			if err := cmd.Wait(); err == nil {
				t.Fatal("the parent ended with status 0, want it to be killed or to panic")
			}
			gone(t, pid, port, run)
		})
	}
}

// The same where the supervising shell is killed before its parent.
func TestEngine_ParentKilledWithoutShell_LeavesNoOrphan(t *testing.T) {
	e, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	pid := e.child.pid()
	if err := e.child.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// The watcher still holds the output, so that the end of the shell is not seen yet.
	e.Stop()
	gone(t, pid, e.port, e.child.run)
}

func TestEngine_Stop_IsDone(t *testing.T) {
	e, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	pid := e.child.pid()
	if err := e.Err(); err != nil || !alive(pid) {
		t.Fatalf("a running engine: java alive: %v, error: %v; want it alive without one", alive(pid), err)
	}
	e.Stop()
	e.Stop()
	<-e.Done()
	gone(t, pid, e.port, e.child.run)
}

// An engine that dies by itself says so.
func TestEngine_Dies_IsNoticed(t *testing.T) {
	e, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Stop()
	if err := syscall.Kill(e.child.pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-e.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("ten seconds after java died the engine is not done")
	}
	if e.Err() == nil {
		t.Fatal("a dead engine has no error")
	}
}

// A port on which another process listens is never taken for the engine's.
func TestEngine_PortTaken_IsSaid(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	if !listens(os.Getpid(), port) {
		t.Error("our own listener is not recognised")
	}
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	if _, err := os.Stat("/proc/self/net/tcp"); err == nil && ownsSocket(other.Process.Pid, port) {
		t.Error("a process that listens nowhere is taken for the owner of the port")
	}
	if _, err := Start(t.Context(), Options{Port: port}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("starting on a port in use: got %v, want an error that says so", err)
	}
}

// Data on disk survives a kill, and the next start waits until the old engine is gone.
func TestEngine_Killed_DataSurvives(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	cmd, pid, port, run := parent(t, "wait", dir)
	table := template.Table{
		LogicalID: "Things", Attributes: []template.Attribute{{Name: "pk", Type: "S"}},
		Key: template.Key{Hash: "pk"}, StreamView: "NEW_AND_OLD_IMAGES", TTL: "expiresAt",
	}
	same := func(id string) string { return id }
	client := Client(fmt.Sprintf("http://127.0.0.1:%d", port))
	if err := CreateTables(t.Context(), client, []template.Table{table}, same); err != nil {
		t.Fatal(err)
	}
	item := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "a"}}
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("Things"), Item: item}); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()

	e, err := Start(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Stop()
	gone(t, pid, port, run)
	client = Client(e.Endpoint())
	if err := CreateTables(t.Context(), client, []template.Table{table}, same); err != nil {
		t.Errorf("creating tables that exist already: %v, want no error", err)
	}
	got, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("Things"), Key: item})
	if err != nil || len(got.Item) == 0 {
		t.Errorf("the item is lost: got %v, %v", got, err)
	}
	changed := table
	changed.Attributes = append(changed.Attributes[:1:1], template.Attribute{Name: "k", Type: "S"})
	changed.Indexes = []template.Index{{Name: "new", Key: template.Key{Hash: "k"}, Projection: "KEYS_ONLY"}}
	if err := CreateTables(t.Context(), client, []template.Table{changed}, same); err == nil || !strings.Contains(err.Error(), "begin afresh") {
		t.Errorf("old data under a new template: got %v, want the advice to begin afresh", err)
	}
}

func TestEngine_SecondOnTheSameData_Refused(t *testing.T) {
	dir := t.TempDir()
	f, err := lockFile(t.Context(), filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := lockData(ctx, dir); err == nil || !strings.Contains(err.Error(), "another engine") {
		t.Errorf("a second engine on the same data: got %v, want an error that names another engine", err)
	}
}

func TestRun(t *testing.T) {
	t.Setenv(EndpointVariable, "http://example.invalid")
	for _, c := range []struct {
		command []string
		status  int
	}{
		{[]string{"--", "sh", "-c", `test "$DYNAMODB_ENDPOINT" = http://example.invalid`}, 0},
		{[]string{"sh", "-c", "exit 7"}, 7},
		{[]string{"sh", "-c", "kill -9 $$"}, 1},
		{[]string{"/nonexistent/command"}, 127},
		{nil, 2},
	} {
		if got := Run(t.Context(), c.command); got != c.status {
			t.Errorf("%v: status %d, want %d", c.command, got, c.status)
		}
	}
	t.Setenv(EndpointVariable, "")
	if got := Run(t.Context(), []string{"sh", "-c", `case "$DYNAMODB_ENDPOINT" in http://127.0.0.1:*) exit 9;; esac`}); got != 9 {
		t.Errorf("the command does not see an engine: status %d, want 9", got)
	}
}

// The error for a missing program names what to install.
func TestEngine_ProgramsMissing_IsSaid(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("JAVA_HOME", "")
	if _, err := Start(t.Context(), Options{}); err == nil || !strings.Contains(err.Error(), "openjdk") {
		t.Errorf("without java: got %v, want an error that names openjdk", err)
	}
	if err := maven(t.Context(), filepath.Join(t.TempDir(), "lib")); err == nil || !strings.Contains(err.Error(), "maven") {
		t.Errorf("without mvn: got %v, want an error that names maven", err)
	}
}

func TestFetch_Archive_IsVerifiedAndFetchedOnce(t *testing.T) {
	sums := map[string]string{
		"a.jar": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb", // "a"
		"b.so":  "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d", // "b"
	}
	good := map[string]string{"a.jar": "a", "b.so": "b"}
	write := func(t *testing.T, dir string, files map[string]string) {
		t.Helper()
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}

	t.Run("many at once fetch once", func(t *testing.T) {
		base := t.TempDir()
		var mu sync.Mutex
		fetched := 0
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				lib, err := ensure(t.Context(), base, sums, func(_ context.Context, dir string) error {
					mu.Lock()
					fetched++
					mu.Unlock()
					write(t, dir, good)
					return nil
				})
				if err != nil || verify(lib, sums) != nil {
					t.Errorf("%s: %v", lib, err)
				}
			})
		}
		wg.Wait()
		if fetched != 1 {
			t.Errorf("fetched %d times, want once", fetched)
		}
		if parts, _ := filepath.Glob(filepath.Join(base, "part-*")); len(parts) != 0 {
			t.Errorf("left behind: %v", parts)
		}
	})

	for name, files := range map[string]map[string]string{
		"altered": {"a.jar": "x", "b.so": "b"},
		"missing": {"a.jar": "a"},
		"extra":   {"a.jar": "a", "b.so": "b", "c.jar": "c"},
	} {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			_, err := ensure(t.Context(), base, sums, func(_ context.Context, dir string) error {
				write(t, dir, files)
				return nil
			})
			if err == nil {
				t.Error("a wrong download was accepted")
			}
			if _, err := os.Stat(filepath.Join(base, version)); err == nil {
				t.Error("a wrong download is left where the next start looks for a good one")
			}
			// The same damage done to a good copy later.
			write(t, filepath.Join(base, version), files)
			if _, err := ensure(t.Context(), base, sums, nil); err == nil || !strings.Contains(err.Error(), "remove") {
				t.Errorf("a damaged copy: got %v, want the advice to remove it", err)
			}
		})
	}
	if err := verify(t.TempDir(), nil); err == nil {
		t.Error("an empty list of sums was accepted: it would verify anything")
	}
	if list, err := parseSums(sumList); err != nil || len(list) != 85 {
		t.Errorf("%d sums are recorded (%v), want 85", len(list), err)
	}
}
