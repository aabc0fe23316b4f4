package shipped_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/releases/shared/local/bootstrap"
	"example.com/releases/shared/local/budget"
)

// measured are the functions whose instructions are counted: one of each kind, since each
// takes seconds under valgrind.
var measured = []string{"authorize", "get-release", "transition-release", "settle-tasks", "send-mail", "trust-center", "mcp"}

// BenchmarkStart prints what starting each function costs, compared with the smallest one there
// can be (testdata/bare): its size in MB, its memory when it asks for its first event and, where
// valgrind is installed, the instructions until then in millions. It does not look at the time,
// which another machine would not repeat.
func BenchmarkStart(b *testing.B) {
	root, tmpl := load(b)
	const bareDir = "../shared/shipped/testdata/bare"
	built, err := bootstrap.Build(b.Context(), root, filepath.Join(scratch, "bare"), []string{bareDir})
	if err != nil {
		b.Fatal(err)
	}
	bare := start{b: b, file: built[bareDir]}
	bare.measure(nil, true)
	fmt.Printf("%-24s %6s %8s %8s %8s %8s %8s\n", "function", "MB", "÷ bare", "RSS MB", "÷ bare", "M instr", "÷ bare")
	bare.print("(bare)", bare)
	for _, f := range tmpl.Functions {
		b.Run(f.Name, func(b *testing.B) {
			for b.Loop() {
				env := map[string]string{
					"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
				}
				for name, value := range f.Environment {
					env[name] = value
				}
				if env["MAIL_SENDER"] == "" {
					env["MAIL_SENDER"] = "releases@example.com"
				}
				s := start{b: b, file: files(b)[f.Name]}
				s.measure(env, slices.Contains(measured, f.Name))
				s.print(f.Name, bare)
				s.report(bare)
			}
		})
	}
}

// start is what one file's start costs.
type start struct {
	b            *testing.B
	file         string
	size, memory float64 // MB
	instructions float64 // millions; 0 where nobody counted
}

func (s *start) measure(env map[string]string, count bool) {
	s.b.Helper()
	info, err := os.Stat(s.file)
	if err != nil {
		s.b.Fatal(err)
	}
	s.size = float64(info.Size()) / 1e6
	s.run(env, func(p *os.Process) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid))
		if err != nil {
			s.b.Fatal(err)
		}
		if m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status); m != nil {
			kb, _ := strconv.ParseFloat(string(m[1]), 64)
			s.memory = kb / 1000
		}
	}, s.file)
	if _, err := exec.LookPath("valgrind"); err != nil || !count {
		return
	}
	output := s.run(env, func(*os.Process) {}, "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", s.file)
	if m := regexp.MustCompile(`Collected : (\d+)`).FindStringSubmatch(output); m != nil {
		n, _ := strconv.ParseFloat(m[1], 64)
		s.instructions = n / 1e6
	}
}

// run starts a command, calls look when it asks for its first event, ends it, and returns its
// output.
func (s *start) run(env map[string]string, look func(*os.Process), command ...string) string {
	s.b.Helper()
	ready := make(chan struct{}, 1)
	over := make(chan struct{})
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case ready <- struct{}{}:
		default:
		}
		select {
		case <-r.Context().Done():
		case <-over:
		}
	}))
	defer api.Close()
	defer close(over)
	cmd := exec.CommandContext(s.b.Context(), command[0], command[1:]...)
	// With Go's own threads and garbage collector each run would count other instructions, and
	// its preemption by signals crashes under valgrind.
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(api.URL, "http://"),
		"GODEBUG=asyncpreemptoff=1", "GOMAXPROCS=1", "GOGC=off",
	}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		s.b.Fatal(err)
	}
	select {
	case <-ready:
		look(cmd.Process)
	case <-time.After(2 * time.Minute):
		s.b.Errorf("%s did not ask for an event within 2 minutes: %s", command[len(command)-1], output.String())
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
	return output.String()
}

// report reports the figures that have a budget.
func (s *start) report(bare start) {
	s.b.Helper()
	switch name := filepath.Base(s.b.Name()); name {
	case "get-release":
		budget.Report(s.b, "start of get-release ÷ bare bootstrap, size", "bytes", s.size/bare.size)
		budget.Report(s.b, "start of get-release ÷ bare bootstrap, memory", "bytes", s.memory/bare.memory)
		fallthrough
	case "mcp":
		if s.instructions > 0 && bare.instructions > 0 {
			budget.Report(s.b, "start of "+name+" ÷ bare bootstrap", "instructions", s.instructions/bare.instructions)
		}
	}
}

func (s *start) print(name string, bare start) {
	ratio := func(a, b float64) string {
		if a == 0 || b == 0 {
			return "-"
		}
		return fmt.Sprintf("%.2f", a/b)
	}
	counted := "-"
	if s.instructions > 0 {
		counted = fmt.Sprintf("%.2f", s.instructions)
	}
	fmt.Printf("%-24s %6.2f %8s %8.1f %8s %8s %8s\n", name, s.size, ratio(s.size, bare.size),
		s.memory, ratio(s.memory, bare.memory), counted, ratio(s.instructions, bare.instructions))
	s.b.ReportMetric(s.size, "MB")
	s.b.ReportMetric(0, "ns/op")
}
