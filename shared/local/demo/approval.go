package demo

import (
	"context"
	"fmt"
	"strings"
)

// changeAnswer holds the fields of a change request that the demo reads.
type changeAnswer struct {
	Title          string `json:"title"`
	CABDecision    string `json:"cabDecision"`
	Digest         string `json:"digest"`
	ApprovalVoided *struct {
		By string `json:"by"`
	} `json:"approvalVoided"`
	Decisions []struct {
		Decision string `json:"decision"`
		By       string `json:"by"`
		Digest   string `json:"digest"`
	} `json:"decisions"`
}

// void shows that an approval applies to what was approved: editing that voids the approval
// and blocks the release, undoing the edit does not bring the approval back, and all of it is
// in the record.
func (s *walkthrough) void(ctx context.Context) error {
	s.title("Somebody edits what the CAB has approved")
	id := s.changes[2]
	path := "/api/change-requests/" + id
	admin := s.run.Tokens.Admin
	decide := func() error {
		return s.Must(ctx, admin, "POST", path+"/decision", object{"decision": "approved", "note": "CAB of today"}, nil)
	}
	var was, edited, back changeAnswer
	if err := s.Must(ctx, admin, "GET", path, nil, &was); err != nil {
		return err
	}
	for _, edit := range []struct {
		title  string
		answer *changeAnswer
	}{{was.Title + " and its backups", &edited}, {was.Title, &back}} {
		s.asked("admin", fmt.Sprintf("PATCH %s title %q", path, edit.title))
		if err := s.Must(ctx, admin, "PATCH", path, object{"title": edit.title}, edit.answer); err != nil {
			return err
		}
		s.line("%s is %s", id, s.paint(bold, edit.answer.CABDecision))
	}
	s.check(was.CABDecision == "approved" && edited.CABDecision == "pending" && edited.Digest != was.Digest, "the edit left %s %s", id, edited.CABDecision)
	s.check(back.CABDecision == "pending" && back.Digest == was.Digest, "editing %s back made it %s", id, back.CABDecision)
	if edited.ApprovalVoided == nil {
		s.check(false, "%s does not say by whose edit its approval ended", id)
	} else {
		s.line("an edit by %s ended its approval; editing it back does not approve it", edited.ApprovalVoided.By)
	}
	_, p, err := s.transition(ctx, object{"status": "approved"})
	if err != nil {
		return err
	}
	s.check(p != nil && p.Status == 409 && strings.Contains(p.Detail, id), "the release was not held up by %s", id)
	if p != nil {
		s.refused(p)
	}
	if err := decide(); err != nil {
		return err
	}
	return s.lookAtRecord(ctx, path, was.Digest)
}

// lookAtRecord asks what an auditor would ask: who approved what, and what changed in between.
func (s *walkthrough) lookAtRecord(ctx context.Context, path, digest string) error {
	var now changeAnswer
	if err := s.Must(ctx, s.run.Tokens.Viewer, "GET", path, nil, &now); err != nil {
		return err
	}
	s.check(len(now.Decisions) == 2 && now.Decisions[0].Digest == digest && now.CABDecision == "approved", "the decisions are %v", now.Decisions)
	var log struct {
		Entries []struct {
			Kind   string `json:"kind"`
			Author string `json:"author"`
			Text   string `json:"text"`
		} `json:"entries"`
	}
	s.asked("viewer", "GET "+path+"/log")
	if err := s.Must(ctx, s.run.Tokens.Viewer, "GET", path+"/log", nil, &log); err != nil {
		return err
	}
	var kinds []string
	for _, e := range log.Entries {
		kinds = append(kinds, e.Kind)
		s.line("%-16s %s  %s", e.Kind, e.Author, firstLine(e.Text))
	}
	want := "decision edit approval-voided edit decision created"
	s.check(strings.Join(kinds, " ") == want, "the record is %v, want %s", kinds, want)
	return nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
