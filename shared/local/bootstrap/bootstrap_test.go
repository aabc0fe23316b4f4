package bootstrap

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"example.com/releases/shared/local/invoke"
)

// With ROLE set, the test binary is the function that a test starts as a process.
func TestMain(m *testing.M) {
	switch os.Getenv("ROLE") {
	case "":
		os.Exit(m.Run())
	case "broken":
		_, _ = os.Stderr.WriteString("RELEASES_TABLE is not set\n")
		os.Exit(1)
	}
	lambda.Start(func(ctx context.Context, in string) (string, error) {
		switch in {
		case "fail":
			return "", errors.New("it went wrong")
		case "sleep":
			<-ctx.Done()
			time.Sleep(300 * time.Millisecond)
			return "late", nil
		case "end":
			os.Exit(3)
		case "environment":
			return strings.Join(os.Environ(), "\n"), nil
		case "deadline":
			deadline, _ := ctx.Deadline()
			return time.Until(deadline).Round(time.Second).String(), nil
		}
		return in, nil
	})
}

func run(t *testing.T, role string, timeout time.Duration) func(string) (string, error) {
	t.Helper()
	t.Setenv("SECRET_OF_THE_SHELL", "seen")
	p, err := Start("fn", os.Args[0], map[string]string{"ROLE": role}, timeout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return func(in string) (string, error) {
		out, err := p.Invoke(t.Context(), []byte(`"`+in+`"`))
		return strings.ReplaceAll(strings.Trim(string(out), `"`), `\n`, "\n"), err
	}
}

func TestBootstrap_Invocations_AreAnswered(t *testing.T) {
	ask := run(t, "function", 5*time.Second)
	for range 3 {
		if out, err := ask("hello"); out != "hello" || err != nil {
			t.Errorf("got %q and %v, want hello", out, err)
		}
	}
	if _, err := ask("fail"); err == nil || !strings.Contains(err.Error(), "it went wrong") {
		t.Errorf("got %v, want the function's own error", err)
	}
	if out, _ := ask("deadline"); out != "5s" {
		t.Errorf("the function sees a deadline in %s, want 5s", out)
	}
	out, _ := ask("environment")
	if strings.Contains(out, "SECRET_OF_THE_SHELL") || !strings.Contains(out, "ROLE=function") {
		t.Errorf("the function's environment is\n%s\nwant ROLE and nothing of the shell's", out)
	}
	if _, err := ask("end"); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("got %v, want that the process ended", err)
	}
}

// A late answer is not taken for that of the next invocation.
func TestBootstrap_Timeout_EndsTheProcess(t *testing.T) {
	ask := run(t, "function", time.Second)
	if _, err := ask("sleep"); !errors.Is(err, invoke.ErrTimeout) {
		t.Errorf("got %v, want a timeout", err)
	}
	if out, err := ask("next"); out != "next" || err != nil {
		t.Errorf("got %q and %v, want next", out, err)
	}
}

func TestBootstrap_DoesNotStart_SaysWhy(t *testing.T) {
	ask := run(t, "broken", time.Second)
	if _, err := ask("hello"); err == nil || !strings.Contains(err.Error(), "RELEASES_TABLE is not set") {
		t.Errorf("got %v, want what the process printed", err)
	}
}
