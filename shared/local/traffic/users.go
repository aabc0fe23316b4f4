package traffic

import (
	"context"
	"fmt"
	"time"

	"example.com/releases/shared/local/client"
)

type object = map[string]any

// readOnly are the operations that change nothing.
var readOnly = map[string]bool{"get-release": true, "get-change": true, "get-task": true, "list-releases": true, "check-readiness": true, "list-tasks": true, "list-log": true}

// people is how many requesters each manager's tasks have.
const people = 5

// manage takes one release from planning to an end; which one is drawn. It returns early when
// the users are to finish.
func (p *player) manage(ctx context.Context) {
	p.keys++
	s := &Release{name: fmt.Sprintf("%s-%d-%d", p.Tag, p.number, p.keys), notes: map[string]state{}, steps: map[int]state{}}
	p.begin(s)
	for _, action := range p.plan() {
		if ctx.Err() != nil || p.finishing() {
			return
		}
		if !action(ctx, s) {
			return
		}
		p.linger(ctx)
	}
}

// action does one thing; false ends the release's life.
type action = func(ctx context.Context, s *Release) bool

// plan draws the actions of a release's life.
func (p *player) plan() []action {
	var actions []action
	for n := range 2 + p.random.IntN(3) {
		actions = append(actions, p.createChange(n))
	}
	for n := range 3 + p.random.IntN(5) {
		actions = append(actions, p.createTask(n))
	}
	actions = append(actions, p.createRelease)
	if p.chance(8) {
		return append(actions, p.deleteRelease)
	}
	actions = append(actions, p.decide, p.note, p.editTask, p.transitionTo("approved"))
	if p.chance(40) {
		actions = append(actions, p.closeTask)
	}
	actions = append(actions, p.transitionTo("scheduled"), p.note)
	switch {
	case p.chance(15):
		return actions
	case p.chance(10):
		return append(actions, p.transitionTo("cancelled"))
	}
	actions = append(actions, p.transitionTo("in-progress"), p.step(1))
	if p.chance(30) {
		actions = append(actions, p.placeHold, p.tryHeld, p.liftHold)
	}
	if p.chance(10) {
		return append(actions, p.transitionTo("rolled-back"))
	}
	actions = append(actions, p.step(2), p.transitionTo("deployed"), p.editTask)
	if p.chance(40) {
		actions = append(actions, p.transitionTo("rolled-back"))
	}
	return append(actions, p.note)
}

// carefree draws whether a request is sent once only, as by a client that does not repeat it.
func (p *player) carefree() bool { return p.chance(20) }

func (p *player) createChange(n int) action {
	return func(ctx context.Context, s *Release) bool {
		c := &change{id: fmt.Sprintf("CHG-%s-%d", s.name, n), kind: []string{"Standard", "Normal", "Emergency"}[p.random.IntN(3)], decisions: map[string]state{}}
		s.write(func() { s.changes = append(s.changes, c) })
		// The id makes a repetition harmless also without a key.
		o, _ := p.do(ctx, call{
			operation: "create-change", as: admin, method: "POST", path: "/api/change-requests", keyed: p.chance(50), refusals: []string{"already-exists"},
			body: object{"id": c.id, "changeType": c.kind, "title": "Harden " + c.id, "controlId": "AC-1", "controlTitle": "Access control", "affectedCiIds": []string{"ci-" + s.name}},
		}, nil)
		if o != unknown {
			s.write(func() { c.state = acked })
		}
		return o != unknown
	}
}

func (p *player) createTask(n int) action {
	return func(ctx context.Context, s *Release) bool {
		t := &task{
			id: fmt.Sprintf("TASK-%s-%d", s.name, n), requester: fmt.Sprintf("person%d-%d@example.com", p.number, p.random.IntN(people)),
			change: s.changes[p.random.IntN(len(s.changes))].id, title: "Access for team " + s.name,
		}
		s.write(func() { s.tasks = append(s.tasks, t) })
		o, _ := p.do(ctx, call{
			operation: "create-task", as: admin, method: "POST", path: "/api/tasks", keyed: p.chance(50), refusals: []string{"already-exists"},
			body: object{"id": t.id, "title": t.title, "requesterName": "Person", "requesterEmail": t.requester, "changeRequestId": t.change},
		}, nil)
		if o != unknown {
			s.write(func() { t.state = acked })
		}
		return o != unknown
	}
}

func (p *player) createRelease(ctx context.Context, s *Release) bool {
	var ids []string
	for _, c := range s.changes {
		ids = append(ids, c.id)
	}
	start := time.Now().UTC().Add(48 * time.Hour).Truncate(time.Hour)
	s.write(func() { s.asked = true })
	var r struct{ ID string }
	o, _ := p.do(ctx, call{
		operation: "create-release", as: admin, method: "POST", path: "/api/releases", keyed: true, singleAttempt: p.chance(10),
		body: object{
			"name": s.name, "version": "1.0.0", "description": "Played", "releaseManager": "Ada Admin", "releaseManagerEmail": "admin@example.com",
			"scheduledStart": start, "scheduledEnd": start.Add(3 * time.Hour), "linkedChangeRequestIds": ids, "successCriteria": "Error rate below 1 %",
			"rolloutSteps": []object{
				{"order": 1, "description": "Drain traffic", "ownerEmail": "auditor@example.com", "estimatedMinutes": 20},
				{"order": 2, "description": "Deploy and verify", "ownerEmail": "auditor@example.com", "estimatedMinutes": 90},
			},
			"rollbackSteps": []object{{"order": 1, "description": "Switch back", "ownerEmail": "auditor@example.com", "estimatedMinutes": 15}},
		},
	}, &r)
	if o == done {
		s.write(func() { s.id, s.created = r.ID, acked })
	}
	return o == done
}

func (p *player) deleteRelease(ctx context.Context, s *Release) bool {
	deletion := tried
	s.write(func() { s.deletion = &deletion })
	// Repeated after silence, it may have been done already.
	if o, _ := p.do(ctx, call{operation: "delete-release", as: admin, method: "DELETE", path: "/api/releases/" + s.id, refusals: []string{"not-found"}}, nil); o != unknown {
		s.write(func() { deletion = acked })
	}
	return false
}

// decide has the CAB approve what is not approved from birth; sometimes it has rejected it
// before.
func (p *player) decide(ctx context.Context, s *Release) bool {
	for _, c := range s.changes {
		if c.kind == "Standard" {
			continue
		}
		if p.chance(15) && !p.decideOn(ctx, s, c, "rejected") || !p.decideOn(ctx, s, c, "approved") {
			return false
		}
	}
	return true
}

func (p *player) decideOn(ctx context.Context, s *Release, c *change, decision string) bool {
	for ctx.Err() == nil {
		note := fmt.Sprintf("%s %d: %s", c.id, len(c.decisions)+1, decision)
		s.write(func() { c.decisions[note] = tried })
		o, _ := p.do(ctx, call{
			operation: "decide-change", as: admin, method: "POST", path: "/api/change-requests/" + c.id + "/decision", keyed: true, singleAttempt: p.carefree(),
			body: object{"decision": decision, "note": note},
		}, nil)
		switch o {
		case done:
			s.write(func() { c.decisions[note] = acked })
			return true
		case refused:
			s.write(func() { c.decisions[note] = denied })
			return false
		}
		var now struct{ CABDecision string }
		if o, _ := p.do(ctx, call{operation: "get-change", as: viewer, method: "GET", path: "/api/change-requests/" + c.id}, &now); o != done {
			return false
		}
		if now.CABDecision == decision {
			s.write(func() { c.decisions[note] = acked })
			return true
		}
	}
	return false
}

// transitionTo makes a transition. Where no answer came and it is not repeated, it reads whether it
// was made.
func (p *player) transitionTo(to string) action {
	return func(ctx context.Context, s *Release) bool {
		body := object{"status": to, "note": "Played"}
		if to == "rolled-back" {
			s.write(func() { s.reason = "Errors rose to 4 % in " + s.name })
			body["rollback_reason"] = s.reason
		}
		for ctx.Err() == nil {
			m := &transition{to: to}
			s.write(func() { s.transitions = append(s.transitions, m) })
			o, _ := p.do(ctx, call{operation: "transition-release", as: admin, method: "POST", path: "/api/releases/" + s.id + "/status", keyed: true, singleAttempt: p.carefree(), body: body}, nil)
			switch o {
			case done:
				s.write(func() { m.state = acked })
				return true
			case refused:
				s.write(func() { m.state = denied })
				return false
			}
			var now struct{ Status string }
			if o, _ := p.do(ctx, call{operation: "get-release", as: viewer, method: "GET", path: "/api/releases/" + s.id}, &now); o != done {
				return false
			}
			if now.Status == to {
				s.write(func() { m.state = acked })
				return true
			}
			s.write(func() { s.transitions = s.transitions[:len(s.transitions)-1] }) // it was not made, and no host is left that could
		}
		return false
	}
}

func (p *player) note(ctx context.Context, s *Release) bool {
	p.keys++
	text := fmt.Sprintf("Note %s by %d, %d", s.name, p.number, p.keys)
	id := ""
	s.write(func() { s.notes[text], id = tried, s.id })
	as := auditor
	if p.number < 1000 {
		as = admin
	}
	o, code := p.do(ctx, call{
		operation: "append-log", as: as, method: "POST", path: "/api/releases/" + id + "/log", keyed: true, singleAttempt: p.carefree(),
		refusals: []string{"not-found"}, body: object{"text": text},
	}, nil)
	s.write(func() {
		s.notes[text] = known(o)
		if code == "not-found" && s.deletion == nil {
			p.Offend("%s was created and does not exist", id)
		}
	})
	return true
}

func known(o outcome) state {
	return map[outcome]state{done: acked, refused: denied, unknown: tried}[o]
}

func (p *player) step(order int) action {
	return func(ctx context.Context, s *Release) bool {
		s.write(func() { s.steps[order] = tried })
		o, _ := p.do(ctx, call{operation: "complete-step", as: auditor, method: "POST", path: fmt.Sprintf("/api/releases/%s/steps/rollout/%d", s.id, order), keyed: true, body: object{"completed": true}}, nil)
		s.write(func() { s.steps[order] = known(o) })
		return true
	}
}

func (p *player) placeHold(ctx context.Context, s *Release) bool {
	h := &hold{text: "The disk is full, " + s.name}
	s.write(func() { s.hold = h })
	o, _ := p.do(ctx, call{operation: "hold", as: auditor, method: "POST", path: "/api/releases/" + s.id + "/log", keyed: true, body: object{"text": h.text, "hold": true}}, nil)
	s.write(func() { h.state = known(o) })
	return o == done
}

// tryHeld tries to deploy a release that is held.
func (p *player) tryHeld(ctx context.Context, s *Release) bool {
	if o, _ := p.do(ctx, call{
		operation: "transition-release", as: admin, method: "POST", path: "/api/releases/" + s.id + "/status", refusals: []string{"held"}, body: object{"status": "deployed"},
	}, nil); o == done {
		p.Offend("%s was deployed although it is held", s.id)
	}
	return true
}

func (p *player) liftHold(ctx context.Context, s *Release) bool {
	s.write(func() { s.hold.lifting = true })
	o, _ := p.do(ctx, call{operation: "lift-hold", as: auditor, method: "DELETE", path: "/api/releases/" + s.id + "/hold"}, nil)
	s.write(func() { s.hold.lifted = o == done })
	return o == done
}

// editTask changes a task's title, as people do whatever becomes of its release.
func (p *player) editTask(ctx context.Context, s *Release) bool {
	t := s.tasks[p.random.IntN(len(s.tasks))]
	p.keys++
	title := fmt.Sprintf("Access for team %s, %d", s.name, p.keys)
	s.write(func() { t.wanted = title })
	if o, _ := p.do(ctx, call{operation: "update-task", as: admin, method: "PATCH", path: "/api/tasks/" + t.id, body: object{"title": title}}, nil); o == done {
		s.write(func() { t.title, t.wanted = title, "" })
	}
	return true
}

// closeTask has its requester close a task that no release has resolved yet.
func (p *player) closeTask(ctx context.Context, s *Release) bool {
	t := s.tasks[p.random.IntN(len(s.tasks))]
	s.write(func() { t.closing = true })
	if o, _ := p.do(ctx, call{operation: "update-task", as: admin, method: "PATCH", path: "/api/tasks/" + t.id, body: object{"status": "Closed"}}, nil); o == done {
		s.write(func() { t.closed, t.closing = true, false })
		return true
	}
	return false
}

// visit is what those do who have no release of their own: they read, and write notes.
func (p *player) visit(ctx context.Context) {
	all := p.Releases()
	var s *Release
	for range 5 {
		if len(all) == 0 {
			break
		}
		newest := all[max(0, len(all)-20):]
		if one := newest[p.random.IntN(len(newest))]; one.ID() != "" {
			s = one
			break
		}
	}
	if s == nil {
		sleep(ctx, 50*time.Millisecond)
		return
	}
	id := s.ID()
	read := func(operation string, as func(client.RunFile) string, path string) {
		p.do(ctx, call{operation: operation, as: as, method: "GET", path: path, singleAttempt: true, refusals: []string{"not-found"}}, nil)
	}
	switch p.random.IntN(10) {
	case 0:
		read("list-releases", viewer, "/api/releases?limit=25")
	case 1, 2:
		read("get-release", viewer, "/api/releases/"+id)
	case 3:
		read("check-readiness", viewer, "/api/releases/"+id+"/readiness")
	case 4:
		read("list-tasks", viewer, fmt.Sprintf("/api/tasks?requesterEmail=person%d-%d@example.com", p.random.IntN(4), p.random.IntN(people)))
	case 5:
		read("list-log", viewer, "/api/releases/"+id+"/log?limit=25")
	default:
		p.note(ctx, s)
	}
}
