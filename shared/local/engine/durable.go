package engine

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Durable wraps the way to an engine that keeps its data on disk: a transaction is answered
// once it is there, as by DynamoDB. DynamoDB Local puts the commit of TransactWriteItems into
// the queue of its one database thread and answers without waiting for it, so that a kill of
// the engine loses what was acknowledged last. Whatever is asked afterwards stands behind the
// commit in that queue. Single writes are committed before they are answered.
func Durable(do func(*http.Request) (*http.Response, error)) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		answer, err := do(r)
		if err != nil || answer.StatusCode != http.StatusOK || !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".TransactWriteItems") {
			return answer, err
		}
		// The whole answer is read first, for the connection to be free.
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil {
			return nil, err
		}
		answer.Body = io.NopCloser(bytes.NewReader(body))
		behind := r.Clone(r.Context())
		behind.Body, behind.ContentLength = io.NopCloser(strings.NewReader(`{"Limit":1}`)), int64(len(`{"Limit":1}`))
		behind.GetBody = nil
		behind.Header.Set("X-Amz-Target", "DynamoDB_20120810.ListTables")
		waited, err := do(behind)
		if err != nil {
			return nil, fmt.Errorf("wait until the transaction is on disk: %w", err)
		}
		_, _ = io.Copy(io.Discard, waited.Body)
		_ = waited.Body.Close()
		if waited.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("wait until the transaction is on disk: %s", waited.Status)
		}
		return answer, nil
	}
}
