package invoke_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/releases/shared/local/invoke"
)

type ask struct{ Word string }

type reply struct{ Word, ID string }

func TestInvoke_Context_IsLambdas(t *testing.T) {
	f := invoke.InProcess("f", time.Second, func(ctx context.Context, in ask) (reply, error) {
		lc, _ := lambdacontext.FromContext(ctx)
		deadline, ok := ctx.Deadline()
		if !ok || time.Until(deadline) > time.Second {
			t.Errorf("the deadline is %v (given: %v), want one within a second", deadline, ok)
		}
		return reply{in.Word + "!", lc.AwsRequestID}, nil
	})
	out, err := invoke.Typed[ask, reply](f)(t.Context(), ask{"hi"})
	if err != nil || out.Word != "hi!" || !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(out.ID) {
		t.Errorf("got %+v and %v, want hi! and a request id", out, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := invoke.Typed[ask, reply](f)(gone, ask{"hi"}); err != nil {
		t.Errorf("a caller that went away cancelled the function: %v", err)
	}
}

// Answers of invocations at the same time must not share memory: one person would
// get another's answer.
func TestInvoke_TwoAtOnce_KeepTheirAnswers(t *testing.T) {
	f := invoke.InProcess("f", time.Minute, func(_ context.Context, in ask) (reply, error) {
		return reply{Word: strings.Repeat(in.Word, 1000)}, nil
	})
	var group sync.WaitGroup
	for _, word := range strings.Split("abcdefgh", "") {
		group.Go(func() {
			for range 200 {
				out, err := f(t.Context(), []byte(`{"Word":"`+word+`"}`))
				time.Sleep(time.Microsecond)
				if want := `{"Word":"` + strings.Repeat(word, 1000) + `","ID":""}`; err != nil || strings.TrimSpace(string(out)) != want {
					t.Errorf("the caller that sent %s got %.40s… and %v, want %.40s…", word, out, err, want)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestInvoke_Fails_AsOnLambda(t *testing.T) {
	panics := invoke.InProcess("f", time.Minute, func(context.Context, ask) (reply, error) { panic("boom") })
	if _, err := panics(t.Context(), []byte(`{}`)); err == nil || !strings.Contains(err.Error(), "boom") {
		t.Errorf("panic: got %v, want an error with boom", err)
	}
	stop := make(chan struct{})
	defer close(stop)
	hangs := invoke.InProcess("f", 10*time.Millisecond, func(context.Context, ask) (reply, error) { <-stop; return reply{}, nil })
	if _, err := hangs(t.Context(), []byte(`{}`)); !errors.Is(err, invoke.ErrTimeout) {
		t.Errorf("hang: got %v, want a timeout", err)
	}
	talks := invoke.InProcess("f", time.Minute, func(context.Context, ask) (reply, error) {
		return reply{Word: strings.Repeat("x", invoke.MaxPayload)}, nil
	})
	if _, err := talks(t.Context(), []byte(`{}`)); !errors.Is(err, invoke.ErrTooLarge) {
		t.Errorf("large answer: got %v, want that it is too large", err)
	}
	if _, err := talks(t.Context(), make([]byte, invoke.MaxPayload+1)); !errors.Is(err, invoke.ErrTooLarge) {
		t.Errorf("large request: got %v, want that it is too large", err)
	}
	idle := invoke.InProcess("f", time.Minute, func(context.Context) error { return nil })
	if out, err := invoke.Typed[ask, reply](idle)(t.Context(), ask{}); err != nil || out != (reply{}) {
		t.Errorf("a function without an answer: got %+v and %v, want the zero value", out, err)
	}
}

func TestSandboxes_OneInvocationAtATime(t *testing.T) {
	var sandboxes []invoke.Function
	var inside [2]atomic.Int32
	var ran [2]atomic.Int32
	for n := range inside {
		sandboxes = append(sandboxes, func(context.Context, []byte) ([]byte, error) {
			if inside[n].Add(1) > 1 {
				t.Error("two invocations in one sandbox")
			}
			time.Sleep(time.Millisecond)
			inside[n].Add(-1)
			ran[n].Add(1)
			return nil, nil
		})
	}
	f := invoke.OneAtATime(sandboxes...)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { _, _ = f(t.Context(), nil) })
	}
	all.Wait()
	if ran[0].Load() == 0 || ran[1].Load() == 0 || ran[0].Load()+ran[1].Load() != 20 {
		t.Errorf("the sandboxes had %d and %d invocations, want some in each and 20 in all", ran[0].Load(), ran[1].Load())
	}
}
