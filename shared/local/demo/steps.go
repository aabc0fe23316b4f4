package demo

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"example.com/releases/shared/local/client"
)

type object = map[string]any

// releaseAnswer holds the fields of a release that the demo reads.
type releaseAnswer struct {
	ID                  string   `json:"id"`
	Status              string   `json:"status"`
	ActualEnd           string   `json:"actualEnd"`
	AllowedNextStatuses []string `json:"allowedNextStatuses"`
	Advice              []struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	} `json:"advice"` // of a transition
	LinkedChangeRequests []struct {
		ID             string `json:"id"`
		ApprovalStatus string `json:"approvalStatus"`
	} `json:"linkedChangeRequests"`
	DeploymentLog []struct {
		Kind      string    `json:"kind"`
		Change    string    `json:"changeRequestId"`
		Timestamp time.Time `json:"timestamp"`
		Author    string    `json:"author"`
		Text      string    `json:"text"`
	} `json:"deploymentLog"`
	Settlement *struct {
		State   string `json:"state"`
		Changes struct {
			Total   int `json:"total"`
			Settled int `json:"settled"`
		} `json:"changes"`
		Tasks struct {
			Settled int `json:"settled"`
		} `json:"tasks"`
	} `json:"settlement"`
}

// taskAnswer holds the fields of a task that the demo reads.
type taskAnswer struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	Status      string `json:"status"`
	ResolvedAt  string `json:"resolvedAt"`
	ReopenedAt  string `json:"reopenedAt"`
	ReopenCount int    `json:"reopenCount"`
	Comments    []struct {
		At   time.Time `json:"at"`
		Text string    `json:"text"`
	} `json:"comments"`
	LinkedRelease *struct {
		Badge  string `json:"badge"`
		Status string `json:"status"`
	} `json:"linkedRelease"`
}

const (
	requesterEmail = "requester@example.com"
	rollbackReason = "Checkout errors rose to 4 % within ten minutes"
)

// plan creates change requests of all three types, tasks of many people, and the release.
func (s *walkthrough) plan(ctx context.Context) error {
	s.title("A release is planned")
	kinds := []string{"Standard", "Normal", "Emergency"}
	for i := range changeCount {
		s.changes = append(s.changes, fmt.Sprintf("CHG-%s-%02d", s.tag, i+1))
	}
	err := client.Parallel(changeCount, func(i int) error {
		return s.Must(ctx, s.run.Tokens.Admin, "POST", "/api/change-requests", object{
			"id": s.changes[i], "changeType": kinds[i%3], "title": fmt.Sprintf("Harden service %d", i+1),
			"controlId": fmt.Sprintf("AC-%d", i+1), "controlTitle": "Access control", "affectedCiIds": []string{fmt.Sprintf("ci-%02d", i+1)},
		}, nil)
	})
	if err != nil {
		return err
	}
	s.line("%d change requests: Standard ones are approved beforehand, Normal and Emergency ones wait for the CAB", changeCount)
	s.tasks = make([]string, taskCount)
	var created atomic.Int64
	err = client.Parallel(taskCount, func(i int) error {
		email := fmt.Sprintf("person%02d@example.com", i%people)
		if i%people == 0 {
			email = requesterEmail
		}
		s.tasks[i] = fmt.Sprintf("TASK-%s-%03d", s.tag, i+1)
		defer func() { s.bar("tasks", int(created.Add(1)), taskCount, fmt.Sprintf("of %d people", people)) }()
		return s.Must(ctx, s.run.Tokens.Admin, "POST", "/api/tasks", object{
			"id": s.tasks[i], "title": fmt.Sprintf("Access for team %d", i+1), "requesterName": "Person " + fmt.Sprint(i%people),
			"requesterEmail": email, "changeRequestId": s.changes[i%changeCount], "ciIds": []string{fmt.Sprintf("ci-%02d", i%changeCount+1)},
		}, nil)
	})
	if err != nil {
		return err
	}
	start := time.Now().UTC().Add(48 * time.Hour).Truncate(time.Hour)
	var r releaseAnswer
	err = s.Must(ctx, s.run.Tokens.Admin, "POST", "/api/releases", object{
		"name": "Summer hardening", "version": "4.2.0", "description": "Coordinated hardening of twelve services",
		"releaseManager": "Ada Admin", "releaseManagerEmail": "admin@example.com",
		"scheduledStart": start, "scheduledEnd": start.Add(3 * time.Hour),
		"rolloutSteps":    []object{{"order": 1, "description": "Drain traffic", "ownerEmail": "auditor@example.com", "estimatedMinutes": 20}, {"order": 2, "description": "Deploy and verify", "ownerEmail": "auditor@example.com", "estimatedMinutes": 90}},
		"rollbackSteps":   []object{{"order": 1, "description": "Switch back to 4.1.9", "ownerEmail": "auditor@example.com", "estimatedMinutes": 15}},
		"successCriteria": "Error rate below 1 % for 30 minutes", "linkedChangeRequestIds": s.changes,
	}, &r)
	s.releaseID = r.ID
	if err == nil {
		s.asked("admin", "POST /api/releases  → "+s.paint(bold, r.ID))
		s.line("%s links %d change requests", r.ID, changeCount)
		s.check(r.Status == "planned", "a new release is %s, not planned", r.Status)
	}
	return err
}

// decide records the CAB's decision on every change request but those in leave.
func (s *walkthrough) decide(ctx context.Context, leave string) error {
	return client.Parallel(changeCount, func(i int) error {
		if i%3 == 0 || s.changes[i] == leave { // Standard ones need no decision
			return nil
		}
		return s.Must(ctx, s.run.Tokens.Admin, "POST", "/api/change-requests/"+s.changes[i]+"/decision", object{"decision": "approved", "note": "Reviewed"}, nil)
	})
}

func (s *walkthrough) transition(ctx context.Context, body object) (releaseAnswer, *client.Problem, error) {
	var r releaseAnswer
	s.asked("admin", fmt.Sprintf("POST /api/releases/%s/status %v", s.releaseID, body["status"]))
	p, err := s.Send(ctx, s.run.Tokens.Admin, "POST", "/api/releases/"+s.releaseID+"/status", body, &r)
	return r, p, err
}

// refuse shows that a missing decision of the CAB blocks a release.
func (s *walkthrough) refuse(ctx context.Context) error {
	s.title("The CAB has not decided on one change yet")
	missing := s.changes[1]
	if err := s.decide(ctx, missing); err != nil {
		return err
	}
	_, p, err := s.transition(ctx, object{"status": "approved"})
	if err != nil {
		return err
	}
	if p == nil {
		s.check(false, "the release was approved although %s is pending", missing)
		return nil
	}
	s.refused(p)
	s.check(p.Status == 409 && strings.Contains(p.Detail, missing), "the refusal is %d and does not name %s: %s", p.Status, missing, p.Detail)
	return nil
}

// refused shows a problem document as a person would read it.
func (s *walkthrough) refused(p *client.Problem) {
	s.line("%s %s", s.paint(red, fmt.Sprintf("%d %s", p.Status, p.Code)), p.Detail)
	for _, e := range p.Errors {
		s.line("    %s %s", s.paint(bold, e.Field), e.Message)
	}
}

// approve records the missing decision and takes the release to in-progress.
func (s *walkthrough) approve(ctx context.Context) error {
	s.title("The CAB decides, and the release goes on")
	err := s.Must(ctx, s.run.Tokens.Admin, "POST", "/api/change-requests/"+s.changes[1]+"/decision", object{"decision": "approved"}, nil)
	if err != nil {
		return err
	}
	for _, to := range []string{"approved", "scheduled", "in-progress"} {
		r, p, err := s.transition(ctx, object{"status": to})
		if err != nil {
			return err
		}
		if p != nil {
			return fmt.Errorf("the release could not become %s: %s", to, p.Detail)
		}
		s.check(r.Status == to, "the release is %s, not %s", r.Status, to)
	}
	return s.Must(ctx, s.run.Tokens.Auditor, "POST", "/api/releases/"+s.releaseID+"/log", object{"text": "Traffic drained, deploying 4.2.0"}, nil)
}

// deploy deploys, and watches change requests and tasks being resolved.
func (s *walkthrough) deploy(ctx context.Context) error {
	s.title("Deployed: change requests and tasks are resolved automatically")
	r, p, err := s.transition(ctx, object{"status": "deployed", "note": "All steps done"})
	if err != nil || p != nil {
		return orProblem(err, p)
	}
	// No step was completed, whatever the note says: that does not block the transition, but
	// the advice mentions it.
	for _, a := range r.Advice {
		s.line("%s %s", s.paint(yellow, "advice"), a.Detail)
	}
	s.check(len(r.Advice) > 0 && r.Advice[0].Code == "open-rollout-steps", "the advice is %v", r.Advice)
	return s.watch(ctx)
}

func orProblem(err error, p *client.Problem) error {
	if err == nil && p != nil {
		err = fmt.Errorf("%d %s: %s", p.Status, p.Code, p.Detail)
	}
	return err
}

// watch shows the settlement until it is complete.
func (s *walkthrough) watch(ctx context.Context) error {
	began := time.Now()
	for {
		var r releaseAnswer
		if err := s.Must(ctx, s.run.Tokens.Viewer, "GET", "/api/releases/"+s.releaseID, nil, &r); err != nil {
			return err
		}
		if r.Settlement == nil {
			return fmt.Errorf("%s is %s and tells no settlement", s.releaseID, r.Status)
		}
		done := r.Settlement.Changes.Settled
		s.bar("settlement", done, r.Settlement.Changes.Total, fmt.Sprintf("change requests, %d tasks", r.Settlement.Tasks.Settled))
		if r.Settlement.State == "settled" {
			s.line("settled in %.1f s", time.Since(began).Seconds())
			s.check(done == changeCount && r.Settlement.Tasks.Settled == taskCount, "%d change requests and %d tasks were settled, not %d and %d",
				done, r.Settlement.Tasks.Settled, changeCount, taskCount)
			return nil
		}
		if time.Since(began) > settleWithin {
			return fmt.Errorf("the settlement is not complete after %s: %d of %d change requests", settleWithin, done, changeCount)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
