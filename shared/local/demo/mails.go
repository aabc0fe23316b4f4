package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// mail holds the fields of a mail in the inbox that the demo reads.
type mail struct {
	ID          string `json:"id"`
	To          string `json:"to"`
	Subject     string `json:"subject"`
	Text        string `json:"text"`
	Attachments []struct {
		Name    string `json:"name"`
		Content string `json:"content"`
	} `json:"attachments"`
}

// mailWithin is how long a mail may take: settling, planning and sending are separate
// functions, each woken by a stream.
const mailWithin = 60 * time.Second

// inbox reads every mail caught so far.
func (s *walkthrough) inbox(ctx context.Context) ([]mail, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.run.InboxURL, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Mails []mail `json:"mails"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, fmt.Errorf("the inbox answered what is not JSON: %w", err)
	}
	return answer.Mails, nil
}

// awaitMail waits until the requester has a mail about a release whose text holds some
// words, shows its beginning, and returns it.
func (s *walkthrough) awaitMail(ctx context.Context, releaseID, words string) (mail, error) {
	return s.awaitMailTo(ctx, requesterEmail, releaseID, words)
}

// awaitMailTo is awaitMail for somebody else.
func (s *walkthrough) awaitMailTo(ctx context.Context, to, releaseID, words string) (mail, error) {
	m, err := s.findMail(ctx, to, releaseID, words)
	if err == nil {
		s.showMail(m)
	}
	return m, err
}

// findMail waits until somebody has a mail about a release whose text holds some words.
func (s *walkthrough) findMail(ctx context.Context, to, releaseID, words string) (mail, error) {
	for deadline := time.Now().Add(mailWithin); ; {
		all, err := s.inbox(ctx)
		if err != nil {
			return mail{}, err
		}
		for _, m := range all {
			if strings.Contains(m.To, to) && strings.Contains(m.Subject+m.Text, releaseID) && strings.Contains(m.Text, words) {
				return m, nil
			}
		}
		if time.Now().After(deadline) {
			return mail{}, fmt.Errorf("no mail about %s with %q reached %s within %s", releaseID, words, to, mailWithin)
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return mail{}, ctx.Err()
		}
	}
}

// beginningOf is about so many lines of a mail, and more is true if that is not all of it. It
// ends with a paragraph, so that no sentence is cut.
func beginningOf(text string, lines int) (shown []string, more bool) {
	for _, line := range strings.Split(strings.ReplaceAll(strings.TrimSpace(text), "\r\n", "\n"), "\n") {
		line = strings.TrimRight(line, " ")
		switch {
		case line != "":
			shown = append(shown, line)
		case len(shown) >= lines:
			return shown, true
		}
	}
	return shown, false
}

// showMail prints a mail's subject and its beginning.
func (s *walkthrough) showMail(m mail) {
	s.line("✉ %s  %s", s.paint(bold, m.Subject), s.paint(dim, "to "+m.To))
	shown, more := beginningOf(m.Text, 7)
	if more {
		shown = append(shown, "…")
	}
	for _, line := range shown {
		s.line("│ %s", line)
	}
	for _, a := range m.Attachments {
		s.line("│ %s", s.paint(dim, "with "+a.Name))
	}
	s.line("└ %s", s.paint(dim, s.run.InboxURL+"/"+m.ID))
}

// runSchedule runs the heads-up at once instead of waiting for its schedule.
func (s *walkthrough) runSchedule(ctx context.Context) error {
	return s.Must(ctx, "", "POST", "/_local/schedules/heads-up", nil, nil)
}

// The people of the second release: its manager, the owner of a step, and somebody whose
// request only names a configuration item that it touches.
const (
	managerEmail   = "admin@example.com"
	ownerEmail     = "auditor@example.com"
	neighbourEmail = "neighbour@example.com"
)

// showHeadsUp plans a second release and shows what people hear before it begins: the
// heads-up, the new date, and the cancellation.
func (s *walkthrough) showHeadsUp(ctx context.Context) error {
	s.title("What people hear before a release: the heads-up, a new date, and that it is off")
	id, start, err := s.scheduleSecond(ctx)
	if err != nil {
		return err
	}
	if err := s.runSchedule(ctx); err != nil {
		return err
	}
	m, err := s.awaitMail(ctx, id, "Your request will be fulfilled as part of release "+id+" scheduled for ")
	if err != nil {
		return err
	}
	uid := calendarLine(m, "UID:")
	s.check(uid != "", "the heads-up carries no calendar entry")
	if _, err = s.awaitMailTo(ctx, neighbourEmail, id, "your request is not linked to a change in it and may stay open."); err != nil {
		return err
	}
	if m, err = s.awaitMailTo(ctx, managerEmail, id, "is scheduled for"); err != nil {
		return err
	}
	s.check(calendarLine(m, "UID:") == uid && calendarLine(m, "STATUS:") == "CONFIRMED", "the manager's calendar entry is another: %s", calendarLine(m, "UID:"))
	if err := s.runSchedule(ctx); err != nil {
		return err
	}
	moved := start.Add(24 * time.Hour)
	s.asked("admin", fmt.Sprintf("PATCH /api/releases/%s scheduledStart %s", id, moved.Format(time.RFC3339)))
	err = s.Must(ctx, s.run.Tokens.Admin, "PATCH", "/api/releases/"+id, object{"scheduledStart": moved, "scheduledEnd": moved.Add(time.Hour)}, nil)
	if err != nil {
		return err
	}
	if err := s.runSchedule(ctx); err != nil {
		return err
	}
	m, err = s.awaitMail(ctx, id, "The release has been moved")
	if err != nil {
		return err
	}
	s.check(calendarLine(m, "UID:") == uid, "the new date has another calendar UID: %q, not %q", calendarLine(m, "UID:"), uid)
	if _, err = s.awaitMailTo(ctx, ownerEmail, id, "has been moved to"); err != nil {
		return err
	}
	s.asked("admin", "POST /api/releases/"+id+"/status cancelled")
	err = s.Must(ctx, s.run.Tokens.Admin, "POST", "/api/releases/"+id+"/status", object{"status": "cancelled", "note": "Superseded"}, nil)
	if err != nil {
		return err
	}
	if err := s.runSchedule(ctx); err != nil {
		return err
	}
	if m, err = s.awaitMail(ctx, id, "cancelled"); err != nil {
		return err
	}
	s.check(calendarLine(m, "STATUS:") == "CANCELLED" && calendarLine(m, "UID:") == uid, "the calendar entry is not cancelled: %s", calendarLine(m, "STATUS:"))
	if _, err = s.awaitMailTo(ctx, neighbourEmail, id, "would have touched front-desk"); err != nil {
		return err
	}
	for _, to := range []string{requesterEmail, neighbourEmail, managerEmail, ownerEmail} {
		if _, err = s.findMail(ctx, to, id, "has been cancelled"); err != nil {
			return err
		}
		if err := s.countMails(ctx, to, id, 3); err != nil {
			return err
		}
	}
	return nil
}

// scheduleSecond makes a small release with one task of the requester and takes it to
// scheduled.
func (s *walkthrough) scheduleSecond(ctx context.Context) (id string, start time.Time, err error) {
	change := "CHG-" + s.tag + "-M"
	start = time.Now().UTC().Add(72 * time.Hour).Truncate(time.Hour)
	admin := s.run.Tokens.Admin
	if err = s.Must(ctx, admin, "POST", "/api/change-requests", object{"id": change, "changeType": "Standard", "title": "New laptops", "affectedCiIds": []string{"front-desk"}}, nil); err != nil {
		return "", start, err
	}
	err = s.Must(ctx, admin, "POST", "/api/tasks", object{
		"id": "TASK-" + s.tag + "-M", "title": "A laptop for the front desk", "requesterName": "Rita Requester", "requesterEmail": requesterEmail, "changeRequestId": change,
	}, nil)
	if err != nil {
		return "", start, err
	}
	err = s.Must(ctx, admin, "POST", "/api/tasks", object{
		"id": "TASK-" + s.tag + "-N", "title": "Another chair at the front desk", "requesterName": "Nils Neighbour", "requesterEmail": neighbourEmail, "ciIds": []string{"front-desk"},
	}, nil)
	if err != nil {
		return "", start, err
	}
	var r releaseAnswer
	err = s.Must(ctx, admin, "POST", "/api/releases", object{
		"name": "Front desk refresh", "version": "1.0.0", "scheduledStart": start, "scheduledEnd": start.Add(time.Hour),
		"releaseManager": "Ada Admin", "releaseManagerEmail": managerEmail, "linkedChangeRequestIds": []string{change},
		"rolloutSteps": []object{{"order": 1, "description": "Swap the laptops", "ownerEmail": ownerEmail, "estimatedMinutes": 45}},
	}, &r)
	if err != nil {
		return "", start, err
	}
	for _, to := range []string{"approved", "scheduled"} {
		if err = s.Must(ctx, admin, "POST", "/api/releases/"+r.ID+"/status", object{"status": to}, nil); err != nil {
			return "", start, err
		}
	}
	s.line("%s is scheduled for %s", r.ID, start.Format("2 January 15:04 UTC"))
	return r.ID, start, nil
}

// countMails checks that somebody got one mail for each event of a release, however often the
// schedule ran.
func (s *walkthrough) countMails(ctx context.Context, to, releaseID string, want int) error {
	all, err := s.inbox(ctx)
	if err != nil {
		return err
	}
	n := 0
	for _, m := range all {
		if strings.Contains(m.To, to) && strings.Contains(m.Subject+m.Text, releaseID) {
			n++
		}
	}
	s.check(n == want, "%s got %d mails about %s, not %d", to, n, releaseID, want)
	s.line("%d mails about %s for %s, one per occasion", n, releaseID, to)
	return nil
}

// calendarLine returns the value of a line of a mail's calendar entry.
func calendarLine(m mail, name string) string {
	for _, a := range m.Attachments {
		for _, line := range strings.Split(a.Content, "\n") {
			if value, ok := strings.CutPrefix(strings.TrimSpace(line), name); ok {
				return value
			}
		}
	}
	return ""
}
