package schedules_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/local/invoke"
	"example.com/releases/shared/local/schedules"
)

var silent = slog.New(slog.DiscardHandler)

func TestSchedules_Interval_OneRunAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var running, runs, failures atomic.Int32
		r := schedules.Start(ctx, []schedules.Job{{
			Function: "sweep", Every: time.Minute,
			Run: func(context.Context, []byte) ([]byte, error) {
				if running.Add(1) > 1 {
					t.Error("two runs at once")
				}
				time.Sleep(90 * time.Second) // longer than the interval
				running.Add(-1)
				if runs.Add(1) == 2 {
					return nil, errors.New("boom")
				}
				return nil, nil
			},
		}}, silent, func(function string, attempts int, err error) {
			if function != "sweep" || attempts != 1 || err == nil {
				t.Errorf("reported: %s after %d attempts: %v; want an error of sweep after one", function, attempts, err)
			}
			failures.Add(1)
		})
		time.Sleep(59 * time.Second)
		if running.Load() != 0 {
			t.Error("it ran before its first interval was over")
		}
		time.Sleep(time.Hour)
		cancel()
		r.Wait()
		if n := runs.Load(); n < 35 || n > 45 || failures.Load() != 1 {
			t.Errorf("%d runs and %d failures, want about 40 and one", n, failures.Load())
		}
	})
}

// A run that fails is repeated with its own event as often as the function's
// EventInvokeConfig says, and reported once, when it is given up.
func TestRun_Fails_RetriedAsLambdaDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		seen := map[string]int{}
		reported := 0
		r := schedules.Start(ctx, []schedules.Job{{
			Function: "sweep", Every: time.Minute, Retries: 2,
			Run: func(_ context.Context, payload []byte) ([]byte, error) {
				seen[string(payload)]++
				if len(seen) == 1 || seen[string(payload)] < 2 { // the first never succeeds, the others do when repeated
					return nil, errors.New("boom")
				}
				return nil, nil
			},
		}}, silent, func(_ string, attempts int, _ error) {
			reported++
			if attempts != 3 {
				t.Errorf("reported after %d attempts, want 3", attempts)
			}
		})
		time.Sleep(3*time.Minute + 30*time.Second)
		cancel()
		r.Wait()
		times := 0
		for _, n := range seen {
			times += n
		}
		if len(seen) != 3 || times != 3+2+2 || reported != 1 {
			t.Errorf("%d events in %d runs, reported %d times; want 3, 7, 1", len(seen), times, reported)
		}
	})
}

// At its interval a function gets the input that the template gives its schedule, or else the
// event that EventBridge Scheduler makes itself.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var own events.CloudWatchEvent
		var given string
		r := schedules.Start(ctx, []schedules.Job{
			{Function: "sweep", Name: "Every", Every: time.Hour, Run: func(_ context.Context, payload []byte) ([]byte, error) {
				return nil, json.Unmarshal(payload, &own)
			}},
			{Function: "other", Every: time.Hour, Input: `{"x":1}`, Run: func(_ context.Context, payload []byte) ([]byte, error) {
				given = string(payload)
				return nil, nil
			}},
		}, silent, func(function string, attempts int, err error) { t.Errorf("%s: %v", function, err) })
		time.Sleep(90 * time.Minute)
		cancel()
		r.Wait()
		if own.Source != "aws.scheduler" || own.DetailType != "Scheduled Event" || own.AccountID != invoke.Account {
			t.Errorf("without an input it got %+v, want the scheduler's own event", own)
		}
		if given != `{"x":1}` {
			t.Errorf(`with an input it got %s, want {"x":1}`, given)
		}
	})
}

func TestSchedules_RunNow_Runs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got string
	r := schedules.Start(ctx, []schedules.Job{
		{Function: "sweep", Name: "Every", Every: time.Hour, Run: func(_ context.Context, payload []byte) ([]byte, error) {
			got = string(payload)
			return []byte(`{"repaired":3}`), nil
		}},
		{Function: "other", Every: time.Hour, Input: `{"x":1}`, Run: func(_ context.Context, payload []byte) ([]byte, error) {
			return nil, errors.New("saw " + string(payload))
		}},
	}, silent, nil)
	for path, want := range map[string]struct {
		event  string
		status int
		body   string
	}{
		"sweep": {"", http.StatusOK, `{"function":"sweep","runs":[{"answer":{"repaired":3},"schedule":"Every"}]}`},
		"other": {`{"y":2}`, http.StatusInternalServerError, `other failed: saw {"y":2}`},
		"none":  {"", http.StatusNotFound, "no schedule"},
	} {
		w := httptest.NewRecorder()
		r.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, schedules.Path+path, strings.NewReader(want.event)))
		if w.Code != want.status || !strings.Contains(w.Body.String(), want.body) {
			t.Errorf("%s: got %d %s, want %d with %s", path, w.Code, w.Body, want.status, want.body)
		}
	}
	if got != "{}" {
		t.Errorf("without an event the function got %s, want {}", got)
	}
}
