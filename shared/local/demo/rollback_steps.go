package demo

import (
	"context"
	"fmt"
	"strings"

	"example.com/releases/shared/local/client"
)

// lookAtTask shows a task as the person who asked for it sees it, with a token that
// carries no role.
func (s *walkthrough) lookAtTask(ctx context.Context) error {
	s.title("A task, as its requester sees it")
	var r releaseAnswer
	if err := s.Must(ctx, s.run.Tokens.Viewer, "GET", "/api/releases/"+s.releaseID, nil, &r); err != nil {
		return err
	}
	t, err := s.showTask(ctx)
	if err != nil {
		return err
	}
	want := "Resolved as part of release " + s.releaseID + ", deployed " + r.ActualEnd
	s.check(t.Status == "Resolved" && t.ResolvedAt != "", "the task is %s, resolved at %q", t.Status, t.ResolvedAt)
	s.check(len(t.Comments) == 1 && t.Comments[0].Text == want, "the comment is not %q: %v", want, t.Comments)
	s.check(t.LinkedRelease != nil && t.LinkedRelease.Badge == "Linked Release: "+s.releaseID, "the badge is %+v", t.LinkedRelease)
	p, err := s.Send(ctx, s.run.Tokens.Requester, "GET", "/api/tasks/"+s.tasks[1], nil, nil)
	if err != nil {
		return err
	}
	s.check(p != nil && p.Status == 403, "a requester may read somebody else's task: %+v", p)
	return s.countTasks(ctx, "Resolved", 1)
}

func (s *walkthrough) showTask(ctx context.Context) (taskAnswer, error) {
	var t taskAnswer
	s.asked("requester", "GET /api/tasks/"+s.tasks[0])
	if err := s.Must(ctx, s.run.Tokens.Requester, "GET", "/api/tasks/"+s.tasks[0], nil, &t); err != nil {
		return t, err
	}
	colour := green
	if t.Status != "Resolved" {
		colour = yellow
	}
	s.line("┌ %s  %s", s.paint(bold, t.Title), s.paint(colour, t.Status))
	if t.LinkedRelease != nil {
		s.line("│ [%s] %s", t.LinkedRelease.Badge, t.LinkedRelease.Status)
	}
	for _, c := range t.Comments {
		s.line("│ %s  %s", s.paint(dim, c.At.Format("15:04:05")), c.Text)
	}
	s.line("└")
	return t, nil
}

// countTasks reads every task of the demo and checks its status and comments.
func (s *walkthrough) countTasks(ctx context.Context, status string, comments int) error {
	off := make(chan string, taskCount)
	err := client.Parallel(taskCount, func(i int) error {
		var t taskAnswer
		if err := s.Must(ctx, s.run.Tokens.Viewer, "GET", "/api/tasks/"+s.tasks[i], nil, &t); err != nil {
			return err
		}
		if t.Status != status || len(t.Comments) != comments {
			off <- fmt.Sprintf("%s is %s with %d comments", t.ID, t.Status, len(t.Comments))
		}
		return nil
	})
	close(off)
	n := 0
	for what := range off {
		if n++; n <= 3 {
			s.check(false, "%s, not %s with %d", what, status, comments)
		}
	}
	s.check(n <= 3, "… and %d more tasks", n-3)
	each := "one comment"
	if comments > 1 {
		each = fmt.Sprintf("%d comments", comments)
	}
	s.line("%d of %d tasks are %s with %s each", taskCount-n, taskCount, status, each)
	return err
}

// rollBack rolls the release back: first without a reason, which is refused.
func (s *walkthrough) rollBack(ctx context.Context) error {
	s.title("It went wrong: rolled back, the tasks reopen with the reason")
	_, p, err := s.transition(ctx, object{"status": "rolled-back"})
	if err != nil {
		return err
	}
	s.check(p != nil && p.Status == 400, "a rollback without a reason is not refused: %+v", p)
	if p != nil {
		s.refused(p)
	}
	if _, p, err := s.transition(ctx, object{"status": "rolled-back", "rollback_reason": rollbackReason}); err != nil || p != nil {
		return orProblem(err, p)
	}
	return s.watch(ctx)
}

// lookBack shows the same task again, and the log.
func (s *walkthrough) lookBack(ctx context.Context) error {
	s.title("The same task, and the deployment log")
	t, err := s.showTask(ctx)
	if err != nil {
		return err
	}
	s.check(t.Status == "Open" && t.ReopenCount == 1 && t.ReopenedAt != "", "the task is %s, reopened %d times at %q", t.Status, t.ReopenCount, t.ReopenedAt)
	s.check(len(t.Comments) == 2 && t.Comments[1].Text == "Rollback: "+rollbackReason, "the comments are %v", t.Comments)
	if err := s.countTasks(ctx, "Open", 2); err != nil {
		return err
	}
	var r releaseAnswer
	if err := s.Must(ctx, s.run.Tokens.Viewer, "GET", "/api/releases/"+s.releaseID, nil, &r); err != nil {
		return err
	}
	kinds := map[string]int{}
	for _, e := range r.DeploymentLog {
		kinds[e.Kind]++
		if e.Change != "" {
			e.Text = e.Change + ": " + e.Text
		}
		s.line("%s  %-15s %-8s %s", s.paint(dim, e.Timestamp.Format("15:04:05")), e.Kind, e.Author, strings.ReplaceAll(e.Text, "\n", " · "))
	}
	s.check(kinds["created"] == 1 && kinds["transition"] == 5 && kinds["note"] == 1, "the log has %v", kinds)
	s.check(len(r.AllowedNextStatuses) == 0, "a rolled-back release may still become %v", r.AllowedNextStatuses)
	return nil
}

// showRollbackMail shows the mail that the requester got when the rollback was complete.
func (s *walkthrough) showRollbackMail(ctx context.Context) error {
	s.title("What people hear afterwards")
	_, err := s.awaitMail(ctx, s.releaseID, "rolled back")
	return err
}
