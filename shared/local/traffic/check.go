package traffic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"example.com/releases/shared/local/client"
)

// Check reads what was asked for since the last check, or everything, and records what is
// missing, there twice, or there although it was refused. settled tells that nothing is under
// way any more, so that change requests and tasks must have followed their releases. It
// returns how many releases it looked at.
func (w *Simulation) Check(ctx context.Context, host client.RunFile, all, settled bool) int {
	var due []*Release
	for _, s := range w.Releases() {
		s.mu.Lock()
		if all || s.dirty {
			due = append(due, s)
		}
		s.mu.Unlock()
	}
	_ = client.Parallel(len(due), func(i int) error {
		s := due[i]
		s.mu.Lock()
		defer s.mu.Unlock()
		c := &checker{w: w, ctx: ctx, host: host, s: s, settled: settled}
		c.check()
		s.dirty = false
		return nil
	})
	return len(due)
}

// CheckNames reads the list of all releases: each name is there once, where its creation was
// acknowledged, and at most once where it was asked for.
func (w *Simulation) CheckNames(ctx context.Context, host client.RunFile) {
	c := &checker{w: w, ctx: ctx, host: host}
	times := map[string]int{}
	for cursor := ""; ; {
		var page struct {
			Releases []struct{ ID, Name string }
			Next     string `json:"nextCursor"`
		}
		if !c.read("/api/releases?limit=100"+after(cursor), &page) {
			return
		}
		for _, r := range page.Releases {
			times[r.Name]++
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	for _, s := range w.Releases() {
		s.mu.Lock()
		n, name := times[s.name], s.name
		delete(times, name)
		switch {
		case n > 1:
			w.Offend("the release %s was created %d times", name, n)
		case n == 1 && !s.asked:
			w.Offend("the release %s was created although nobody asked for it", name)
		case n == 0 && s.created == acked && s.deletion == nil:
			w.Offend("the release %s (%s) was acknowledged and is not in the list", name, s.id)
		case n == 1 && s.deletion != nil && *s.deletion == acked:
			w.Offend("the release %s (%s) was deleted and is in the list", name, s.id)
		}
		s.mu.Unlock()
	}
	for name := range times {
		if strings.HasPrefix(name, w.Tag+"-") {
			w.Offend("the release %s was created although nobody asked for it", name)
		}
	}
}

// checker compares one release with what the host shows. It holds the release's lock.
type checker struct {
	w       *Simulation
	ctx     context.Context //nolint:containedctx // of one call of Check
	host    client.RunFile
	s       *Release
	settled bool
}

func (c *checker) wrong(format string, args ...any) {
	c.w.Offend("%s (%s): %s", c.s.name, c.s.id, fmt.Sprintf(format, args...))
}

// busyFor is how long a host may ask a check to come later: one that has been started just now
// has every stream to read.
const busyFor = 5 * time.Minute

// get reads what must answer: after being asked to come later, again.
func (c *checker) get(path string) (client.Answer, bool) {
	for begun := time.Now(); ; {
		a, err := client.Client{Base: c.host.BaseURL, HTTP: c.w.http}.Do(c.ctx, client.Request{Token: c.host.Tokens.Admin, Method: http.MethodGet, Path: path})
		// Where the host is killed, the machine may be too busy for a function to end in its time,
		// which is a 500: what counts is what it reads in the end.
		if busy := err == nil && (a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable || c.w.Silence && a.Status >= 500); busy && time.Since(begun) < busyFor {
			sleep(c.ctx, 100*time.Millisecond)
			continue
		}
		if err != nil && c.ctx.Err() == nil {
			c.w.Offend("GET %s: %v", path, err)
		}
		return a, err == nil
	}
}

// after is the parameter of a cursor, where there is one.
func after(cursor string) string {
	if cursor == "" {
		return ""
	}
	return "&cursor=" + url.QueryEscape(cursor)
}

func (c *checker) read(path string, answer any) bool {
	a, ok := c.get(path)
	if !ok {
		return false
	}
	if a.Status != http.StatusOK {
		c.w.Offend("GET %s: %d %s", path, a.Status, a.Body)
		return false
	}
	if err := json.Unmarshal(a.Body, answer); err != nil {
		c.w.Offend("GET %s: %v", path, err)
		return false
	}
	return true
}

// times judges how often something is there by what is known about it.
func (c *checker) times(what string, n int, known state) {
	switch {
	case n > 1:
		c.wrong("%s is there %d times", what, n)
	case n == 0 && known == acked:
		c.wrong("%s was acknowledged and is not there", what)
	case n == 1 && known == denied:
		c.wrong("%s was refused and is there", what)
	}
}

type releaseShown struct {
	Status, ActualEnd string
	RolloutSteps      []struct {
		Order     int
		Completed bool
	}
	Holds      []struct{ Text string }
	Settlement *struct{ State string }
}

func (c *checker) check() {
	s := c.s
	var shown releaseShown
	there := false
	switch {
	case s.id == "":
	case s.deletion != nil:
		a, ok := c.get("/api/releases/" + s.id)
		if ok && a.Status != http.StatusNotFound && *s.deletion == acked {
			c.wrong("it was deleted and answers %d", a.Status)
		}
	default:
		if there = c.read("/api/releases/"+s.id, &shown); there {
			c.release(shown)
			c.log()
		}
	}
	for _, one := range s.changes {
		c.change(one, shown, there)
	}
	for _, one := range s.tasks {
		c.task(one, shown, there)
	}
}

func (c *checker) release(shown releaseShown) {
	s := c.s
	may := []string{"planned"}
	for _, m := range s.transitions {
		switch m.state {
		case acked:
			may = []string{m.to}
		case tried:
			may = append(may, m.to)
		}
	}
	if !slices.Contains(may, shown.Status) {
		c.wrong("it is %s, not %s", shown.Status, strings.Join(may, " or "))
	}
	for _, step := range shown.RolloutSteps {
		if known, asked := s.steps[step.Order]; step.Completed != (known == acked) && (!asked || known != tried) {
			c.wrong("step %d is completed: %v", step.Order, step.Completed)
		}
	}
	held := slices.ContainsFunc(shown.Holds, func(h struct{ Text string }) bool { return s.hold != nil && h.Text == s.hold.text })
	switch {
	case len(shown.Holds) > 1 || len(shown.Holds) == 1 && !held:
		c.wrong("it has the holds %v", shown.Holds)
	case held && (s.hold.lifted || s.hold.state == denied):
		c.wrong("it is held, although the hold was lifted or refused")
	case !held && s.hold != nil && s.hold.state == acked && !s.hold.lifting:
		c.wrong("it is not held, although that was acknowledged")
	}
	if c.settled && shown.Settlement != nil && shown.Settlement.State != "settled" {
		c.wrong("its settlement is %s", shown.Settlement.State)
	}
}

// log reads the whole log: every entry that was acknowledged is there, once.
func (c *checker) log() {
	s := c.s
	times, ids := map[string]int{}, map[string]int{}
	for cursor := ""; ; {
		var page struct {
			Entries []struct {
				ID, Kind, Text, Status string
				Hold                   *struct{ Placed *bool }
			}
			Next string `json:"nextCursor"`
		}
		if !c.read("/api/releases/"+s.id+"/log?limit=100"+after(cursor), &page) {
			return
		}
		for _, e := range page.Entries {
			ids[e.ID]++
			switch e.Kind {
			case "transition":
				times["transition "+e.Status]++
			case "note", "hold", "created":
				times[e.Kind+" "+e.Text]++
				times[e.Kind]++
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	for id, n := range ids {
		c.times("entry "+id, n, acked)
	}
	for text, known := range s.notes {
		c.times("the note “"+text+"”", times["note "+text], known)
	}
	if times["note"] > len(s.notes) {
		c.wrong("there are %d notes, and %d were written", times["note"], len(s.notes))
	}
	c.times("the entry created", times["created"], acked)
	known := map[string]state{}
	for _, m := range s.transitions {
		if before, repeated := known[m.to]; !repeated || before != acked {
			known[m.to] = m.state
		}
	}
	for _, to := range []string{"approved", "scheduled", "in-progress", "deployed", "rolled-back", "cancelled"} {
		state, asked := known[to]
		if !asked {
			state = denied
		}
		c.times("the transition to "+to, times["transition "+to], state)
	}
	if h := s.hold; h != nil {
		c.times("the hold's entry", times["hold "+h.text], h.state)
	}
}

// find reads something as it is now; false where it is not to be had, which is wrong if it was
// acknowledged.
func (c *checker) find(below, id string, known state, now any) bool {
	a, ok := c.get(below + id)
	if !ok || a.Status == http.StatusNotFound && known != acked {
		return false
	}
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, now) != nil {
		c.wrong("%s answers %d %s", id, a.Status, a.Body)
		return false
	}
	return true
}

func (c *checker) change(one *change, shown releaseShown, there bool) {
	var now struct {
		Status, CABDecision string
		Decisions           []struct{ Note, Decision string }
	}
	if !c.find("/api/change-requests/", one.id, one.state, &now) {
		return
	}
	for note, known := range one.decisions {
		n := 0
		for _, d := range now.Decisions {
			if d.Note == note {
				n++
			}
		}
		c.times("the decision “"+note+"”", n, known)
	}
	if len(now.Decisions) > len(one.decisions) {
		c.wrong("%s has %d decisions, and %d were made", one.id, len(now.Decisions), len(one.decisions))
	}
	if want := map[bool]string{true: "Resolved", false: "Open"}[shown.Status == "deployed"]; c.settled && there && now.Status != want {
		c.wrong("%s is %s, and its release %s", one.id, now.Status, shown.Status)
	}
}

func (c *checker) task(one *task, shown releaseShown, there bool) {
	var now struct {
		Title, Status string
		ReopenCount   int
		Comments      []struct{ ID, Text string }
	}
	if !c.find("/api/tasks/", one.id, one.state, &now) {
		return
	}
	if now.Title != one.title && now.Title != one.wanted {
		c.wrong("%s has the title %q, not %q", one.id, now.Title, one.title)
	}
	var texts []string
	for _, comment := range now.Comments {
		texts = append(texts, comment.Text)
	}
	// What the release's settlements leave, in their order.
	var want []string
	status, reopened := "Open", 0
	if one.closed || one.closing && now.Status == "Closed" {
		status = "Closed"
	}
	for _, m := range c.s.transitions {
		switch {
		case m.state != acked:
		case m.to == "deployed":
			want = append(want, fmt.Sprintf("Resolved as part of release %s, deployed %s", c.s.id, shown.ActualEnd))
			if status == "Open" {
				status = "Resolved"
			}
		case m.to == "rolled-back":
			want = append(want, "Rollback: "+c.s.reason)
			if status == "Resolved" {
				status, reopened = "Open", 1
			}
		}
	}
	switch {
	case c.settled && there && (!slices.Equal(texts, want) || now.Status != status || now.ReopenCount != reopened):
		c.wrong("%s is %s, reopened %d times, with the comments %q; want %s, %d, %q", one.id, now.Status, now.ReopenCount, texts, status, reopened, want)
	case !c.settled && (len(texts) > len(want)+1 || len(texts) > 2 || len(texts) == 2 && texts[0] == texts[1]):
		c.wrong("%s has the comments %q", one.id, texts)
	}
}

// WaitIdle waits until the host has nothing to do any more: it runs the schedules, which repair
// and seal, and waits for what they trigger.
func WaitIdle(ctx context.Context, host client.RunFile, schedules ...string) error {
	c := client.Client{Base: host.BaseURL}
	send := func(method, path string) error {
		a, err := c.Do(ctx, client.Request{Method: method, Path: path})
		if err == nil && a.Status >= 400 {
			err = fmt.Errorf("%s %s: %d %s", method, path, a.Status, a.Body)
		}
		return err
	}
	err := send(http.MethodGet, "/_local/quiet")
	for _, name := range schedules {
		err = errors.Join(err, send(http.MethodPost, "/_local/schedules/"+name))
	}
	return errors.Join(err, send(http.MethodGet, "/_local/quiet"))
}
