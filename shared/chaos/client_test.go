package chaos_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"example.com/releases/shared/release"
)

// op is what a client asked for, and what it knows of the outcome.
type op struct {
	name   string // the same in each run of the seed; the texts that the request writes contain it
	kind   string // such as "transition"
	target string // the release, change request or task
	who    string // the client's subject
	to     string // the status, decision, or change request
	add    []string
	remove []string
	note   bool // name must appear in the log of the target

	call, ret int64 // when it was sent and answered, by turns.now; ret is 0 while the outcome is unknown
	answer    answer
}

func (o *op) acked() bool   { return o.ret > 0 && o.answer.acked() }
func (o *op) refused() bool { return o.ret > 0 && !o.answer.acked() }

// client is somebody who works with the API.
type client struct {
	*simulation
	name   string
	random *rand.Rand
	caller release.Caller
	api    http.Handler
	left   int // requests that it has yet to make
	n      int // requests sent so far, for their names
}

func (w *simulation) client(number int) *client {
	name := fmt.Sprintf("c%d", number)
	random := rand.New(rand.NewPCG(w.seed, hash(name)))
	return &client{simulation: w, name: name, random: random, caller: caller(name, release.Admin), api: w.api(w.faultsNow().clock(random)), left: 10 + random.IntN(10)}
}

// work sends the client's requests. Most of the time all clients begin at one moment, and many
// of them with the same release, so that their requests collide.
func (c *client) work() {
	for ; c.left > 0; c.left-- {
		if c.random.IntN(4) > 0 {
			time.Sleep(rush - time.Since(began)%rush + time.Duration(c.random.IntN(10_000_000)))
		} else {
			time.Sleep(time.Duration(c.random.IntN(15_000)) * time.Millisecond)
		}
		c.something()
	}
}

// rush is how often all clients begin together.
const rush = 10 * time.Second

// choose picks from a list, often the one item that all clients pick at this moment.
func (c *client) choose(list *[]string) string {
	all := c.known(list)
	if c.random.IntN(5) < 3 {
		return all[hash(fmt.Sprint(c.seed, time.Since(began)/rush))%uint64(len(all))]
	}
	return pick(c.random, all)
}

// ask sends a request. Where the outcome is not known, it is sent again if it has an
// Idempotency-Key, and left at that otherwise.
func (c *client) ask(o *op, method, path string, body any) answer {
	c.n++
	key := ""
	if method == http.MethodPost && c.random.IntN(3) > 0 {
		key = "key-" + o.name
	}
	o.who = c.caller.Subject
	c.state.Lock()
	c.ops = append(c.ops, o)
	c.state.Unlock()
	o.call = c.now()
	var a answer
	var tries []string
	for n := range 5 {
		// A refusal is of this try: an earlier one that was frozen may go on behind it, and be
		// carried out when what stood in its way is gone.
		unsure := slices.ContainsFunc(tries, c.runs)
		try := fmt.Sprintf("%s-%d", o.name, n)
		tries = append(tries, try)
		heard := c.run(context.Background(), try, func(ctx context.Context) { a = do(ctx, c.api, c.caller, method, path, key, body) })
		switch {
		case heard && a.refused() && unsure:
			return answer{}
		case heard && (a.acked() || a.refused()):
			o.answer = a
			o.ret = c.now()
			return a
		case key == "":
			return answer{}
		}
		time.Sleep(time.Duration(1+c.random.IntN(3000)) * time.Millisecond)
	}
	return answer{}
}

func (c *client) op(kind, target string) *op {
	return &op{name: fmt.Sprintf("%s-%d", c.name, c.n), kind: kind, target: target}
}

func pick[T any](r *rand.Rand, all []T) T { return all[r.IntN(len(all))] }

// known returns a copy of a list that all clients share.
func (c *client) known(list *[]string) []string {
	c.state.Lock()
	defer c.state.Unlock()
	return slices.Clone(*list)
}

func (c *client) learn(list *[]string, id string) {
	c.state.Lock()
	defer c.state.Unlock()
	if id != "" && !slices.Contains(*list, id) {
		*list = append(*list, id)
	}
}

// something sends a request of a random kind; transitions come most often.
func (c *client) something() {
	id, change, task := c.choose(&c.releases), c.choose(&c.changes), c.choose(&c.tasks)
	if linked := c.linkedTo(id); len(linked) > 0 && c.random.IntN(2) == 0 {
		change = pick(c.random, linked)
	}
	switch n := c.random.IntN(100); {
	case n < 35:
		c.advance(id)
	case n < 39:
		c.decide(change, pick(c.random, []string{"approved", "approved", "approved", "rejected"}))
	case n < 44:
		o := c.op("edit-change", change)
		o.note = true
		c.ask(o, "PATCH", "/change-requests/"+change, object{"title": "Change " + o.name})
	case n < 50:
		c.scope(id, change)
	case n < 60:
		o := c.op("note", id)
		o.note = true
		c.ask(o, "POST", "/releases/"+id+"/log", object{"text": "note " + o.name})
	case n < 63:
		o := c.op("hold", id)
		o.note = true
		c.ask(o, "POST", "/releases/"+id+"/log", object{"text": "hold " + o.name, "hold": true})
	case n < 68:
		c.lift(id)
	case n < 72:
		o := c.op("step", id)
		c.ask(o, "POST", "/releases/"+id+"/steps/rollout/1", object{"completed": c.random.IntN(3) > 0})
	case n < 78:
		o := c.op("window", id)
		start := began.Add(time.Duration(24+c.random.IntN(72)) * time.Hour)
		c.ask(o, "PATCH", "/releases/"+id, object{"scheduledStart": start.Format(time.RFC3339), "scheduledEnd": start.Add(2 * time.Hour).Format(time.RFC3339)})
	case n < 80:
		o := c.op("describe", id)
		o.note = true
		c.ask(o, "PATCH", "/releases/"+id, object{"description": "Described by " + o.name})
	case n < 90:
		c.editTask(task)
	case n < 93:
		c.newTask(fmt.Sprintf("TASK-%sx%d", c.name, c.n), change)
	case n < 95:
		c.newChange(fmt.Sprintf("CHG-%sx%d", c.name, c.n))
	case n < 97:
		c.newRelease(change)
	case n < 98:
		c.ask(c.op("delete", id), "DELETE", "/releases/"+id, nil)
	default:
		c.look(id)
	}
}

// look reads a release.
func (c *client) look(id string) answer {
	a := c.ask(c.op("look", id), "GET", "/releases/"+id, nil)
	if a.acked() {
		c.state.Lock()
		defer c.state.Unlock()
		c.linked[id] = texts(a.Body["linkedChangeRequestIds"])
	}
	return a
}

// linkedTo returns the change requests that a client last saw in a release.
func (c *client) linkedTo(id string) []string {
	c.state.Lock()
	defer c.state.Unlock()
	return slices.Clone(c.linked[id])
}

// next is where clients try to take a release from a status. It is wider than the lifecycle:
// nothing leads out of rolled-back and cancelled, and these attempts have to be refused.
var next = map[string][]string{
	"planned": {"approved"}, "approved": {"scheduled"}, "scheduled": {"in-progress"}, "in-progress": {"deployed", "deployed", "deployed", "rolled-back", "cancelled"},
	"deployed": {"rolled-back"}, "rolled-back": {"deployed"}, "cancelled": {"planned"},
}

var everyStatus = []string{"planned", "approved", "scheduled", "in-progress", "deployed", "rolled-back", "cancelled"}

// advance looks where a release is and moves it on; sometimes to anywhere.
func (c *client) advance(id string) {
	a := c.look(id)
	status, _ := a.Body["status"].(string)
	to := pick(c.random, everyStatus)
	if len(next[status]) > 0 && c.random.IntN(8) > 0 {
		to = pick(c.random, next[status])
	}
	// Not every release is to end rolled back or cancelled.
	if status == "deployed" && to == "rolled-back" && c.random.IntN(2) == 0 {
		return
	}
	if to == "cancelled" && c.random.IntN(3) > 0 {
		to = "rolled-back"
	}
	// What stands in the way is often removed, so that releases get somewhere.
	switch c.transition(id, to).code() {
	case "cab-approval-missing":
		for _, linked := range objects(a.Body["linkedChangeRequests"]) {
			if change, _ := linked["id"].(string); linked["cabDecision"] != "approved" && c.random.IntN(4) > 0 {
				c.decide(change, "approved")
			}
		}
	case "held":
		if c.random.IntN(2) == 0 {
			c.lift(id)
		}
	default:
		return
	}
	if c.random.IntN(2) == 0 {
		c.transition(id, to)
	}
}

func (c *client) transition(id, to string) answer {
	o := c.op("transition", id)
	o.to, o.note = to, true
	body := object{"status": to, "note": "moved by " + o.name}
	if to == "rolled-back" {
		body["rollback_reason"] = "because of " + o.name
	}
	return c.ask(o, "POST", "/releases/"+id+"/status", body)
}

func (c *client) decide(change, decision string) {
	o := c.op("decide", change)
	o.to, o.note = decision, true
	c.ask(o, "POST", "/change-requests/"+change+"/decision", object{"decision": decision, "note": "decided by " + o.name})
}

func (c *client) scope(id, change string) {
	o := c.op("scope", id)
	if c.random.IntN(3) > 0 {
		o.add = []string{change}
	} else {
		o.remove = []string{change}
	}
	c.ask(o, "POST", "/releases/"+id+"/add-changes", object{"add": list(o.add), "remove": list(o.remove)})
}

func list(ids []string) []string {
	if ids == nil {
		return []string{}
	}
	return ids
}

func (c *client) lift(id string) {
	holder := c.caller.Subject
	if c.random.IntN(4) > 0 {
		for _, h := range objects(c.look(id).Body["holds"]) {
			holder, _ = h["subject"].(string)
		}
	}
	o := c.op("lift", id)
	o.to = holder
	c.ask(o, "DELETE", "/releases/"+id+"/hold?holder="+holder, nil)
}

var taskStatuses = []string{"Open", "InProgress", "OnHold", "Resolved", "Closed", "Closed", "Cancelled"}

// editTask changes a task's title, by which the oracle recognizes the edit, and its status, its
// link or both.
func (c *client) editTask(task string) {
	o := c.op("edit-task", task)
	body := object{"title": "Task " + o.name}
	if c.random.IntN(5) < 3 {
		o.to = pick(c.random, taskStatuses)
		body["status"] = o.to
	}
	if o.to == "" || c.random.IntN(4) == 0 {
		o.add = []string{""}
		body["changeRequestId"] = nil
		if c.random.IntN(5) > 0 {
			o.add[0] = pick(c.random, c.known(&c.changes))
			body["changeRequestId"] = o.add[0]
		}
	}
	c.ask(o, "PATCH", "/tasks/"+task, body)
}

func (c *client) newTask(id, change string) {
	o := c.op("create-task", id)
	o.to, o.add = "Open", []string{change}
	person := fmt.Sprintf("p%d@example.com", c.random.IntN(4))
	a := c.ask(o, "POST", "/tasks", object{"id": id, "title": "Task " + o.name, "requesterEmail": person, "changeRequestId": change})
	if a.acked() {
		c.learn(&c.tasks, id)
	}
}

func (c *client) newChange(id string) {
	kind := pick(c.random, []string{"Standard", "Normal", "Normal", "Emergency"})
	o := c.op("create-change", id)
	o.to = kind
	a := c.ask(o, "POST", "/change-requests", object{"id": id, "changeType": kind, "title": "Change " + o.name, "affectedCiIds": []string{"ci-" + id}})
	if a.acked() {
		c.learn(&c.changes, id)
	}
}

func (c *client) newRelease(changes ...string) {
	o := c.op("create", "")
	o.add, o.note = changes, true
	start := began.Add(time.Duration(24+c.random.IntN(72)) * time.Hour)
	a := c.ask(o, "POST", "/releases", object{
		"name": "Release " + o.name, "scheduledStart": start.Format(time.RFC3339), "scheduledEnd": start.Add(2 * time.Hour).Format(time.RFC3339),
		"linkedChangeRequestIds": list(changes), "rolloutSteps": []object{{"order": 1, "description": "Switch over"}},
		"rollbackSteps": []object{{"order": 1, "description": "Switch back"}},
	})
	if id, _ := a.Body["id"].(string); a.acked() {
		o.target = id
		c.state.Lock()
		c.linked[id] = changes
		c.state.Unlock()
		c.learn(&c.releases, id)
	}
}
