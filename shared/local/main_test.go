package local

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// With PLAY_LOCAL set, the test binary runs Main: a host in a process that a test can kill.
func TestMain(m *testing.M) {
	if args, ok := os.LookupEnv("PLAY_LOCAL"); ok {
		os.Exit(Main(strings.Fields(args)))
	}
	os.Exit(m.Run())
}

// process is a host in a process of its own.
type process struct {
	*os.Process
	ended chan error
}

// startProcess starts the host as a process and waits until it has written its run file.
func startProcess(t *testing.T, dir string) (process, *Host) {
	t.Helper()
	runFile := filepath.Join(dir, "run.json")
	_ = os.Remove(runFile)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PLAY_LOCAL=-data "+filepath.Join(dir, "data")+" -run-file "+runFile, "PORT=0", "DYNAMODB_ENDPOINT=")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := process{cmd.Process, make(chan error, 1)}
	over := make(chan struct{})
	go func() {
		p.ended <- cmd.Wait()
		close(over)
	}()
	t.Cleanup(func() {
		_ = p.Kill()
		<-over
	})
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		select {
		case err := <-p.ended:
			t.Fatalf("the host ended: %v", err)
		default:
		}
		text, err := os.ReadFile(runFile)
		if err != nil {
			continue
		}
		var f about
		if err := json.Unmarshal(text, &f); err != nil {
			t.Fatal(err)
		}
		return p, &Host{BaseURL: f.BaseURL}
	}
	t.Fatal("the host did not come up")
	return p, nil
}

// ask is do for a host in another process: the token comes over HTTP too.
func ask(t *testing.T, h *Host, method, path string, body any) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.BaseURL+"/_local/token?role=admin", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, token := fetch(t, r)
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	if r, err = http.NewRequestWithContext(t.Context(), method, h.BaseURL+path, strings.NewReader(string(text))); err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(token["text"].(string)))
	return fetch(t, r)
}

// Killed in the middle of a settlement, the host completes it after a restart on the
// same data: no task is missed and none gets its comment twice.
func TestHost_Killed_CompletesItsSettlement(t *testing.T) {
	const changes, tasks = 10, 200
	dir := t.TempDir()
	p, h := startProcess(t, dir)
	must := func(want int, method, path string, body any) object {
		t.Helper()
		status, answer := ask(t, h, method, path, body)
		if status != want {
			t.Errorf("%s %s: %d %v", method, path, status, answer)
		}
		return answer
	}
	each := func(n int, do func(int)) {
		var group sync.WaitGroup
		for worker := range 8 {
			group.Go(func() {
				for i := worker; i < n; i += 8 {
					do(i)
				}
			})
		}
		group.Wait()
	}
	ids := make([]string, changes)
	each(changes, func(i int) {
		ids[i] = fmt.Sprintf("CHG-%02d", i)
		must(201, "POST", "/api/change-requests", object{"id": ids[i], "changeType": "Standard", "title": "t", "controlId": "AC-1", "controlTitle": "c"})
	})
	each(tasks, func(i int) {
		must(201, "POST", "/api/tasks", object{"id": fmt.Sprintf("TASK-%03d", i), "title": "t", "requesterName": "R", "requesterEmail": "r@example.com", "changeRequestId": ids[i%changes]})
	})
	id, _ := must(201, "POST", "/api/releases", object{"name": "n", "version": "1", "linkedChangeRequestIds": ids, "scheduledStart": "2030-01-01T00:00:00Z", "scheduledEnd": "2030-01-01T02:00:00Z"})["id"].(string)
	for _, status := range []string{"approved", "scheduled", "in-progress", "deployed"} {
		must(200, "POST", "/api/releases/"+id+"/status", object{"status": status})
	}

	// Kill it when some tasks are settled and others are not.
	settling := func() bool {
		return strings.Contains(fmt.Sprint(must(200, "GET", "/api/releases/"+id, nil)["settlement"]), "state:settling")
	}
	for deadline := time.Now().Add(time.Minute); ; {
		if must(200, "GET", "/api/tasks/TASK-000", nil)["status"] == "Resolved" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no task was ever resolved")
		}
	}
	if !settling() {
		t.Fatal("the settlement was over before the host could be killed")
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-p.ended

	p, h = startProcess(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.BaseURL+"/_local/quiet", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("after the restart there is something left to do: %v", settling())
	if status, answer := fetch(t, r); status != http.StatusNoContent {
		t.Fatalf("/_local/quiet: %d %v, want 204", status, answer)
	}
	for i := range tasks {
		task := must(200, "GET", fmt.Sprintf("/api/tasks/TASK-%03d", i), nil)
		if comments, _ := task["comments"].([]any); task["status"] != "Resolved" || len(comments) != 1 {
			t.Errorf("task %d: got %v, want it Resolved with one comment", i, task)
		}
	}
	if settling() {
		t.Error("the release still says that it is settling")
	}

	// It stops cleanly when it is interrupted.
	if err := p.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := <-p.ended; err != nil {
		t.Errorf("after an interrupt it ended with %v, want no error", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "run.json")); err == nil {
		t.Error("run.json is still there after the host has stopped")
	}
}

func TestMain_CommandLine_IsJudged(t *testing.T) {
	for _, name := range []string{"PORT", "RELEASES_DATA", "DYNAMODB_ENDPOINT"} {
		t.Setenv(name, "")
	}
	t.Setenv("ORGANISATION_ZONE", "Europe/Berlin")
	c, err := parse(nil, "/root")
	if err != nil || c.Port != 3000 || c.Data != "" || c.runFile != filepath.Join("/root", ".local", "run.json") || c.Settings["ORGANISATION_ZONE"] != "Europe/Berlin" {
		t.Errorf("no arguments: got %+v and %v, want port 3000, tables in memory, the root's run file and Berlin", c, err)
	}
	t.Setenv("PORT", "4000")
	t.Setenv("RELEASES_DATA", "somewhere")
	if c, err = parse([]string{"-v", "-port", "4001"}, ""); err != nil || c.Port != 4001 || !c.verbose || c.Data != "somewhere" {
		t.Errorf("got %+v and %v, want the port of the flag (4001), verbose, and the data folder of the environment", c, err)
	}
	if _, err = parse([]string{"serve"}, ""); err == nil {
		t.Error("an unknown command was accepted")
	}
	t.Setenv("DYNAMODB_ENDPOINT", "http://127.0.0.1:1")
	if _, err = parse(nil, ""); err == nil {
		t.Error("an engine and a data folder were accepted together")
	}
	t.Setenv("PORT", "many")
	if _, err = parse(nil, ""); err == nil {
		t.Error("PORT=many was accepted")
	}
}
