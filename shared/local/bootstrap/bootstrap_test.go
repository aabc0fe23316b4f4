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

// TestMain lets the test binary be the function.
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
			t.Errorf("%s %v", out, err)
		}
	}
	if _, err := ask("fail"); err == nil || !strings.Contains(err.Error(), "it went wrong") {
		t.Errorf("%v", err)
	}
	if out, _ := ask("deadline"); out != "5s" {
		t.Errorf("the function thinks it has %s", out)
	}
	out, _ := ask("environment")
	if strings.Contains(out, "SECRET_OF_THE_SHELL") || !strings.Contains(out, "ROLE=function") {
		t.Errorf("the function sees %s", out)
	}
	if _, err := ask("end"); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("%v", err)
	}
}

// A late answer is not taken for that of the next invocation.
func TestBootstrap_Timeout_EndsTheProcess(t *testing.T) {
	ask := run(t, "function", time.Second)
	if _, err := ask("sleep"); !errors.Is(err, invoke.ErrTimeout) {
		t.Errorf("%v", err)
	}
	if out, err := ask("next"); out != "next" || err != nil {
		t.Errorf("%s %v", out, err)
	}
}

func TestBootstrap_DoesNotStart_SaysWhy(t *testing.T) {
	ask := run(t, "broken", time.Second)
	if _, err := ask("hello"); err == nil || !strings.Contains(err.Error(), "RELEASES_TABLE is not set") {
		t.Errorf("%v", err)
	}
}
