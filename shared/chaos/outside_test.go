package chaos_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
)

// outside runs functions outside the bubble (testing/synctest) in which a seed is played. In
// the bubble clocks are virtual, and they stand still while a goroutine waits for anything from
// outside. So the engine is called from a goroutine outside, and an answer takes no time.
type outside struct {
	mu   sync.Mutex
	work chan func()
	done chan struct{}
}

// newOutside must be called outside the bubble.
func newOutside() *outside {
	o := &outside{work: make(chan func()), done: make(chan struct{})}
	go func() {
		for do := range o.work {
			do()
			o.done <- struct{}{}
		}
	}()
	return o
}

// do runs a function outside, and returns when it has ended.
func (o *outside) do(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.work <- f
	<-o.done
}

func (o *outside) close() { close(o.work) }

// send sends a request to the engine. Its context belongs to the bubble and must not leave it,
// so the engine is asked with another one.
func (o *outside) send(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var answer *http.Response
	method, url, header := r.Method, r.URL.String(), r.Header.Clone()
	o.do(func() {
		var q *http.Request
		if q, err = http.NewRequestWithContext(context.Background(), method, url, bytes.NewReader(body)); err != nil {
			return
		}
		q.Header = header
		if answer, err = engineClient.Do(q); err != nil {
			return
		}
		var all []byte
		all, err = io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		answer.Body = io.NopCloser(bytes.NewReader(all))
	})
	return answer, err
}

var engineClient = &http.Client{}

// inProcess serves the stand-ins for SES and EventBridge without a network.
type inProcess struct{ handler http.Handler }

func (p inProcess) Do(r *http.Request) (answer *http.Response, err error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	defer func() {
		if p := recover(); p != nil { // http.ErrAbortHandler: the stand-in dropped the connection
			answer, err = nil, errors.New("injected: the connection broke before the answer")
		}
	}()
	w := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	p.handler.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err // it hung
	}
	return w.Result(), nil
}
