package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// sealWithin is longer than sealing takes.
const sealWithin = 3 * time.Minute

// prove fetches the release's evidence and verifies it offline. Then it changes one byte in
// the table, fetches the evidence again, and shows that the verifier notices.
func (s *walkthrough) prove(ctx context.Context) error {
	s.title("Proof: evidence that holds, one byte changed in the table, and what the verifier says")
	folder, err := os.MkdirTemp("", "releases-evidence-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	kept, key, err := s.sealedEvidence(ctx, filepath.Join(folder, "evidence.json"))
	if err != nil {
		return err
	}
	var verdict bytes.Buffer
	s.asked("anybody", "go run ./functions/local verify evidence.json")
	err = s.verify([]string{kept}, &verdict)
	s.check(err == nil, "the evidence does not hold: %v", err)
	for line := range strings.Lines(verdict.String()) {
		s.line("%s", strings.TrimSuffix(line, "\n"))
	}
	if err := s.changeByte(ctx, key); err != nil {
		return err
	}
	s.line("Somebody with access to the table changes one byte of what %s says.", key)
	changed, _, err := s.fetchEvidence(ctx, filepath.Join(folder, "changed.json"))
	if err != nil {
		return err
	}
	s.asked("anybody", "go run ./functions/local verify changed.json")
	err = s.verify([]string{changed}, &verdict)
	s.check(err != nil && strings.Contains(err.Error(), s.releaseID+", entry "+key+":"), "the changed byte was not found: %v", err)
	if err != nil {
		s.line("%s", s.paint(red, err.Error()))
	}
	return s.changeByte(ctx, key) // as it was
}

// sealedEvidence fetches the evidence once every entry is sealed.
func (s *walkthrough) sealedEvidence(ctx context.Context, file string) (name, key string, err error) {
	for begun := time.Now(); ; {
		if err := s.Must(ctx, s.run.Tokens.Auditor, "POST", "/_local/schedules/seal-record", nil, nil); err != nil {
			return "", "", err
		}
		name, page, err := s.fetchEvidence(ctx, file)
		if err != nil {
			return "", "", err
		}
		for _, e := range page.Entries {
			if page.Unsealed == 0 && strings.Contains(e.Bytes, `"kind":"note"`) {
				return name, e.Key, nil
			}
		}
		if time.Since(begun) > sealWithin {
			return "", "", fmt.Errorf("%d entries of %s are not sealed after %s", page.Unsealed, s.releaseID, sealWithin)
		}
		select {
		case <-ctx.Done():
			return "", "", ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// evidencePage holds the fields of evidence that the demo reads; the demo's evidence has one
// page.
type evidencePage struct {
	Unsealed int `json:"unsealed"`
	Entries  []struct {
		Key   string `json:"key"`
		Bytes string `json:"bytes"`
	} `json:"entries"`
}

func (s *walkthrough) fetchEvidence(ctx context.Context, file string) (string, evidencePage, error) {
	var raw json.RawMessage
	var page evidencePage
	if err := s.Must(ctx, s.run.Tokens.Auditor, "GET", "/api/releases/"+s.releaseID+"/evidence", nil, &raw); err != nil {
		return "", page, err
	}
	if err := json.Unmarshal(raw, &page); err != nil {
		return "", page, err
	}
	return file, page, os.WriteFile(file, raw, 0o600)
}

// changeByte changes a byte of an entry in the table, or changes it back.
func (s *walkthrough) changeByte(ctx context.Context, key string) error {
	query := url.Values{"release": {s.releaseID}, "key": {key}}
	return s.Must(ctx, s.run.Tokens.Admin, "POST", "/_local/tamper?"+query.Encode(), nil, nil)
}
