package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// client sends requests as the product's users do.
type client struct{ base string }

// problem is the part of a problem document that the demo shows.
type problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Errors []struct {
		Field   string `json:"field"`
		Message string `json:"message"`
	} `json:"errors"`
}

// requestTimeout is generous because, under sam local, a function's container may have to
// start first.
const requestTimeout = 60 * time.Second

// send makes a request and decodes a successful answer. A refusal is returned as a problem;
// any other failure is an error.
func (c client) send(ctx context.Context, token, method, path string, body, answer any) (*problem, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var payload io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, payload)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the host does not answer (is `make run` still running?): %w", err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 400 {
		p := &problem{Status: res.StatusCode}
		if !strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json") || json.Unmarshal(raw, p) != nil {
			return nil, fmt.Errorf("%s %s answered %d without a problem document: %s", method, path, res.StatusCode, raw)
		}
		return p, nil
	}
	if answer == nil {
		return nil, nil
	}
	if err := json.Unmarshal(raw, answer); err != nil {
		return nil, fmt.Errorf("%s %s answered what is not JSON: %w", method, path, err)
	}
	return nil, nil
}

// must is send where a refusal is an error.
func (c client) must(ctx context.Context, token, method, path string, body, answer any) error {
	p, err := c.send(ctx, token, method, path, body, answer)
	if p != nil {
		return fmt.Errorf("%s %s: %d %s: %s", method, path, p.Status, p.Code, p.Detail)
	}
	return err
}

// parallel calls do n times, a few at a time, and returns the first error.
func parallel(n int, do func(i int) error) error {
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
