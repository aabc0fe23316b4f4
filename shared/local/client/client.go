// Package client sends requests to a running host as the product's users do, and tells an
// answer, a refusal and silence apart. It must not know why a request is sent.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// RunFile is what a running host writes about itself.
type RunFile struct {
	BaseURL  string `json:"baseUrl"`
	InboxURL string `json:"inboxUrl"`
	Tokens   struct {
		Viewer    string `json:"viewer"`
		Auditor   string `json:"auditor"`
		Admin     string `json:"admin"`
		Requester string `json:"requester"`
	} `json:"tokens"`
}

// ReadRunFile reads the file that a host has written.
func ReadRunFile(path string) (RunFile, error) {
	var f RunFile
	raw, err := os.ReadFile(path)
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return f, fmt.Errorf("%s is not what `make run` writes: %w", path, err)
	}
	return f, nil
}

// Client sends requests to the host at Base.
type Client struct {
	Base string
	HTTP *http.Client // nil is the default client
}

// Timeout is generous because, under sam local, a function's container may have to start
// first.
const Timeout = 60 * time.Second

// Request is a request before it is sent.
type Request struct {
	Token, Method, Path string
	Body                any    // sent as JSON; nil is none
	Key                 string // the Idempotency-Key; empty is none
}

// Answer is what the host answered, whatever it was.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Problem is the part of a problem document that people read.
type Problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Errors []struct {
		Field   string `json:"field"`
		Message string `json:"message"`
	} `json:"errors"`
}

// Do sends a request. An error means that no whole answer came.
func (c Client) Do(ctx context.Context, r Request) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	var payload io.Reader
	if r.Body != nil {
		raw, err := json.Marshal(r.Body)
		if err != nil {
			return Answer{}, err
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, c.Base+r.Path, payload)
	if err != nil {
		return Answer{}, err
	}
	if r.Token != "" {
		req.Header.Set("Authorization", "Bearer "+r.Token)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/plain")
	if r.Key != "" {
		req.Header.Set("Idempotency-Key", r.Key)
	}
	hc := c.HTTP
	if hc == nil {
		hc = http.DefaultClient
	}
	res, err := hc.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return Answer{}, err
	}
	return Answer{Status: res.StatusCode, Header: res.Header, Body: raw}, nil
}

// Problem returns the refusal; nil where the answer is none.
func (a Answer) Problem() (*Problem, error) {
	if a.Status < 400 {
		return nil, nil
	}
	p := &Problem{Status: a.Status}
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "application/problem+json") || json.Unmarshal(a.Body, p) != nil {
		return nil, fmt.Errorf("%d without a problem document: %s", a.Status, a.Body)
	}
	return p, nil
}

// Send makes a request and decodes a successful answer. A refusal is returned as a problem;
// any other failure is an error.
func (c Client) Send(ctx context.Context, token, method, path string, body, answer any) (*Problem, error) {
	a, err := c.Do(ctx, Request{Token: token, Method: method, Path: path, Body: body})
	if err != nil {
		return nil, fmt.Errorf("the host does not answer (is `make run` still running?): %w", err)
	}
	p, err := a.Problem()
	if err != nil {
		return nil, fmt.Errorf("%s %s answered %w", method, path, err)
	}
	if p != nil || answer == nil {
		return p, nil
	}
	if err := json.Unmarshal(a.Body, answer); err != nil {
		return nil, fmt.Errorf("%s %s answered what is not JSON: %w", method, path, err)
	}
	return nil, nil
}

// Must is Send where a refusal is an error.
func (c Client) Must(ctx context.Context, token, method, path string, body, answer any) error {
	p, err := c.Send(ctx, token, method, path, body, answer)
	if p != nil {
		return fmt.Errorf("%s %s: %d %s: %s", method, path, p.Status, p.Code, p.Detail)
	}
	return err
}

// Parallel calls do n times, a few at a time, and returns the first error.
func Parallel(n int, do func(i int) error) error {
	const atATime = 8
	var wait sync.WaitGroup
	next := make(chan int)
	failures := make(chan error, n)
	for range atATime {
		wait.Go(func() {
			for i := range next {
				failures <- do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wait.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			return err
		}
	}
	return nil
}
