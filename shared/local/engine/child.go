package engine

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

//go:embed supervise.sh
var supervise string

// errPortTaken means that another process bound the port before the child did.
var errPortTaken = errors.New("another process took the engine's port")

// child is java under the supervising shell.
type child struct {
	cmd    *exec.Cmd
	hold   io.Closer // our end of the shell's stdin: closing it stops the engine
	run    string    // the run's own directory, which the shell removes
	output tail
	done   chan struct{}
	err    error // of the shell; read after done
}

func findJava() (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java := filepath.Join(home, "bin", "java")
		if _, err := os.Stat(java); err == nil {
			return java, nil
		}
	}
	java, err := exec.LookPath("java")
	if err != nil {
		return "", errors.New("the database engine runs on Java 17 or newer, and there is no java on the PATH: install it (apt-get install openjdk-17-jre-headless, or brew install openjdk), or set " +
			EndpointVariable + " to the URL of an engine that runs already")
	}
	return java, nil
}

// freePort finds a port that nobody listens on, or makes sure of a given one.
func freePort(port int) (int, error) {
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return 0, fmt.Errorf("the engine's port %d is in use; stop what listens there, or choose another: %w", port, err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func startChild(java, lib, data string, port int, lock *os.File) (*child, error) {
	run, err := os.MkdirTemp("", "releases-engine-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the engine's run: %w", err)
	}
	c := &child{run: run, done: make(chan struct{})}
	args := []string{
		"-c", supervise, "sh", java,
		"-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
		// Verifying classes takes a third of the start, and their checksums have been compared
		// already. A Java version that no longer knows these options must still start.
		"-XX:+IgnoreUnrecognizedVMOptions", "-XX:+UnlockDiagnosticVMOptions", "-XX:-BytecodeVerificationRemote",
		"-Djava.io.tmpdir=" + run, // it unpacks a native library, which a kill would leave behind
		"-cp", filepath.Join(lib, "*"),
		"com.amazonaws.services.dynamodbv2.local.main.ServerRunner",
		"-sharedDb", "-disableTelemetry", "-port", strconv.Itoa(port),
	}
	if data == "" {
		args = append(args, "-inMemory")
	} else {
		args = append(args, "-dbPath", data)
	}
	c.cmd = exec.Command("sh", args...)
	c.cmd.Dir = run
	c.cmd.Env = append(os.Environ(), "RUN_DIR="+run)
	c.cmd.Stdout, c.cmd.Stderr = &c.output, &c.output
	// A process group of its own, so that Ctrl-C in a terminal does not reach the engine
	// before this process has finished with it.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if lock != nil {
		c.cmd.ExtraFiles = []*os.File{lock}
	}
	if c.hold, err = c.cmd.StdinPipe(); err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		os.RemoveAll(run)
		return nil, fmt.Errorf("start the engine: %w", err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	return c, nil
}

// ready waits until the engine answers, and makes sure that it is the child who answers and no
// other process.
func (c *child) ready(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		if answers(ctx, port) {
			if pid := c.pid(); pid != 0 && listens(pid, port) {
				return nil
			}
		}
		select {
		case <-c.done:
			return c.failure()
		case <-ctx.Done():
			return fmt.Errorf("the engine did not answer in time (%w). Its last words:\n%s", ctx.Err(), &c.output)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// failure turns the end of the child's output into an error message.
func (c *child) failure() error {
	words := c.output.String()
	switch {
	case strings.Contains(words, "Address already in use"):
		return errPortTaken
	case strings.Contains(words, "UnsupportedClassVersionError"):
		return errors.New("the database engine needs Java 17 or newer, and the java that was found is older: install one, or point JAVA_HOME at it")
	}
	if c.err == nil {
		return fmt.Errorf("the engine ended. Its last words:\n%s", words)
	}
	return fmt.Errorf("the engine ended (%w). Its last words:\n%s", c.err, words)
}

// stop closes the shell's stdin, which ends the engine, and waits for that.
func (c *child) stop() {
	c.hold.Close()
	select {
	case <-c.done:
	case <-time.After(stopWithin):
		// The shell itself must be stuck; its group is the engine and nothing else.
		_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
		<-c.done
	}
}

// pid returns java's process id from the file that the shell writes; 0 until then.
func (c *child) pid() int {
	text, err := os.ReadFile(filepath.Join(c.run, "pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}

// answers asks for the list of tables, which only a DynamoDB can answer.
func answers(ctx context.Context, port int) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/", port), strings.NewReader("{}"))
	if err != nil {
		return false
	}
	req.Header.Set("X-Amz-Target", "DynamoDB_20120810.ListTables")
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
	// No proxy: this is our own machine.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return err == nil && res.StatusCode == http.StatusOK && bytes.Contains(body, []byte("TableNames"))
}

// listens reports whether the process owns the listening socket, as far as the system can
// tell: through /proc on Linux, through lsof on macOS. Without either it returns true, because
// a child that could not bind its port exits by itself.
func listens(pid, port int) bool {
	if runtime.GOOS == "linux" {
		return ownsSocket(pid, port)
	}
	lsof, err := exec.LookPath("lsof")
	if err != nil {
		return true
	}
	out, err := exec.Command(lsof, "-nP", "-a", "-p", strconv.Itoa(pid), fmt.Sprintf("-iTCP:%d", port), "-sTCP:LISTEN", "-t").Output()
	return err == nil && strings.TrimSpace(string(out)) == strconv.Itoa(pid)
}

// ownsSocket looks the listening socket's inode up among the process's open files.
func ownsSocket(pid, port int) bool {
	const listening = "0A"
	want := fmt.Sprintf(":%04X", port)
	inodes := make(map[string]bool)
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			continue
		}
		for _, line := range strings.Split(string(text), "\n") {
			f := strings.Fields(line)
			if len(f) > 9 && strings.HasSuffix(f[1], want) && f[3] == listening {
				inodes["socket:["+f[9]+"]"] = true
			}
		}
	}
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return false
	}
	for _, file := range files {
		if target, err := os.Readlink(file); err == nil && inodes[target] {
			return true
		}
	}
	return false
}
