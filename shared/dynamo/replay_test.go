package dynamo_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/record"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/inject"
)

// The log is complete and in order if replaying it from its first entry gives the release as it is
// (I11). The test makes a thousand random operations by eight clients, under faults, and then replays
// the log.

// replayed is a release as it follows from its log alone.
type replayed struct {
	status release.Status
	epoch  int
	fields map[string]string              // of the plan, steps as list[order]
	done   map[string]bool                // completed steps, likewise
	scope  map[string]release.CABDecision // linked change requests
	holds  map[string]string              // the reasons, by holder
}

// replay goes through a log, oldest entry first, and fails at one that contradicts those before it.
func replay(entries []release.LogEntry) (replayed, error) {
	r := replayed{fields: map[string]string{}, done: map[string]bool{}, scope: map[string]release.CABDecision{}, holds: map[string]string{}}
	for n, e := range entries {
		if (n == 0) != (e.Kind == release.LogCreated) {
			return r, fmt.Errorf("entry %d is %s: %+v", n, e.Kind, e)
		}
		switch e.Kind {
		case release.LogTransition:
			if r.epoch++; e.Text != "" && !strings.HasPrefix(e.Text, string(r.status)+" → "+string(e.Status)) {
				return r, fmt.Errorf("%s: %q, but the release is %s", e.ID, e.Text, r.status)
			}
			if r.status = e.Status; len(r.holds) > 0 && r.status != release.Cancelled && r.status != release.RolledBack {
				return r, fmt.Errorf("%s: it became %s while %v held it", e.ID, r.status, r.holds)
			}
		case release.LogHold:
			if _, stands := r.holds[e.Hold.Holder]; !stands && !e.Hold.Placed {
				return r, fmt.Errorf("%s: a hold of %s is lifted that is not there", e.ID, e.Hold.Holder)
			}
			if r.holds[e.Hold.Holder] = e.Text; !e.Hold.Placed {
				delete(r.holds, e.Hold.Holder)
			}
		case release.LogStep:
			step := string(e.Step.Plan) + "Steps[" + strconv.Itoa(e.Step.Order) + "]"
			if _, there := r.fields[step]; !there {
				return r, fmt.Errorf("%s: %s is completed, and is not there", e.ID, step)
			}
			r.done[step] = e.Step.Completed
		case release.LogDecision:
			r.scope[e.ChangeRequestID] = e.Decision
		case release.LogApprovalVoided:
			r.scope[e.ChangeRequestID] = release.DecisionPending
		case release.LogCreated:
			r.status = release.Planned
			fallthrough
		case release.LogEdit, release.LogScope:
			if err := r.write(e); err != nil {
				return r, err
			}
		}
	}
	maps.DeleteFunc(r.done, func(_ string, done bool) bool { return !done })
	return r, nil
}

func (r *replayed) write(e release.LogEntry) error {
	for _, c := range e.Added {
		if _, there := r.scope[c.ID]; there {
			return fmt.Errorf("%s: %s joins twice", e.ID, c.ID)
		}
		r.scope[c.ID] = c.CABDecision
	}
	for _, c := range e.Removed {
		if _, there := r.scope[c.ID]; !there {
			return fmt.Errorf("%s: %s leaves, and is not there", e.ID, c.ID)
		}
		delete(r.scope, c.ID)
	}
	if e.ChangeRequestID != "" {
		return nil // an edit of a change request, which changes nothing of the release
	}
	for _, c := range e.Changes {
		if c.Field == "rolloutSteps" || c.Field == "rollbackSteps" {
			r.list(c.Field, c.To)
			continue
		}
		if c.Was == nil && r.fields[c.Field] != "" || c.Was != nil && c.Was.Bytes != len(r.fields[c.Field]) {
			return fmt.Errorf("%s: %s was %+v, and is %q", e.ID, c.Field, c.Was, r.fields[c.Field])
		}
		if r.fields[c.Field] = c.To; c.To == "" {
			delete(r.fields, c.Field)
			delete(r.done, c.Field)
		}
	}
	return nil
}

// list replaces the steps of a list; a step whose order was there before stays completed.
func (r *replayed) list(name, to string) {
	maps.DeleteFunc(r.fields, func(field, _ string) bool { return strings.HasPrefix(field, name+"[") })
	for field, step := range stepsOf(name, to) {
		r.fields[field] = step
	}
	maps.DeleteFunc(r.done, func(field string, _ bool) bool { return strings.HasPrefix(field, name+"[") && r.fields[field] == "" })
}

func stepsOf(list, raw string) map[string]string {
	var steps []json.RawMessage
	_ = json.Unmarshal([]byte(raw), &steps)
	all := map[string]string{}
	for _, s := range steps {
		var at struct{ Order int }
		_ = json.Unmarshal(s, &at)
		all[fmt.Sprintf("%s[%d]", list, at.Order)] = string(s)
	}
	return all
}

// fromRelease returns a release in the form in which replay gives it.
func fromRelease(r release.Release, links []release.LinkedChange) replayed {
	is := replayed{status: r.Status, epoch: r.Epoch(), fields: map[string]string{}, done: map[string]bool{}, scope: map[string]release.CABDecision{}, holds: map[string]string{}}
	for _, c := range record.PlanChanges(release.Plan{}, r.Plan) {
		if c.Field == "rolloutSteps" || c.Field == "rollbackSteps" {
			maps.Copy(is.fields, stepsOf(c.Field, c.To))
			continue
		}
		is.fields[c.Field] = c.To
	}
	for plan, steps := range map[release.PlanName][]release.Step{release.RolloutPlan: r.RolloutSteps, release.RollbackPlan: r.RollbackSteps} {
		for _, s := range steps {
			if s.Completed {
				is.done[fmt.Sprintf("%sSteps[%d]", plan, s.Order)] = true
			}
		}
	}
	for _, h := range r.Holds {
		is.holds[h.Subject] = h.Text
	}
	for _, l := range links {
		is.scope[l.ID] = l.CABDecision
	}
	return is
}

// randomOperation makes one random operation. Where it can, it writes its name, by which nameIn finds
// it in the log.
func (l *harness) randomOperation(s *dynamo.Store, random *rand.Rand, id, name string, pool []string) error {
	one := func() string { return pool[random.IntN(len(pool))] }
	w := l.write()
	switch random.IntN(14) {
	case 0, 1, 2:
		_, err := s.AppendLog(l.ctx, id, name, "", w)
		return err
	case 3, 4, 5:
		_, err := s.UpdateRelease(l.ctx, id, func(r release.Release) (release.Release, release.LogEntry, error) {
			p := r.Plan
			p.Name = name
			p.RolloutSteps = slices.Clone(p.RolloutSteps)
			switch order := 1 + random.IntN(9); random.IntN(3) {
			case 0:
				p.RolloutSteps = slices.DeleteFunc(p.RolloutSteps, func(s release.Step) bool { return s.Order == order })
			case 1:
				p.RolloutSteps = slices.DeleteFunc(p.RolloutSteps, func(s release.Step) bool { return s.Order == order })
				p.RolloutSteps = append(p.RolloutSteps, release.Step{Order: order, Description: name})
			default:
				p.SuccessCriteria = strings.Repeat("x", random.IntN(3))
			}
			if r.Status == release.InProgress {
				return r, release.LogEntry{}, r.Conflict("field-frozen", "not now")
			}
			after, moved, err := r.Edit(p, []string{"name", "rolloutSteps", "successCriteria"}, w.At)
			return after, release.EntryBy(release.LogEdit, release.EditText(r.Plan, after.Plan, []string{"name"}, moved), w.Stamp), err
		}, w)
		return err
	case 6, 7:
		_, err := s.UpdateRelease(l.ctx, id, func(r release.Release) (release.Release, release.LogEntry, error) {
			return r.Complete(release.RolloutPlan, 1+random.IntN(9), random.IntN(2) == 0, w.Stamp)
		}, w)
		return err
	case 8:
		_, err := s.LinkChanges(l.ctx, id, []string{one()}, nil, w)
		return err
	case 9:
		_, err := s.LinkChanges(l.ctx, id, nil, []string{one()}, w)
		return err
	case 10:
		_, err := s.PlaceHold(l.ctx, id, name, "", l.by(fmt.Sprint("holder", random.IntN(3))))
		return err
	case 11:
		return s.LiftHold(l.ctx, id, fmt.Sprint("holder", random.IntN(3)), w)
	default:
		decision := release.DecisionApproved
		if random.IntN(4) == 0 {
			decision = release.DecisionRejected
		}
		_, err := s.Decide(l.ctx, one(), decision, name, w)
		return err
	}
}

func TestLog_ThousandOperationsUnderFaults_RebuildTheRelease(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			l := newHarness(t)
			pool := l.changes("CHG", 12)
			id := l.release(pool[:4]...)
			dice := rand.New(rand.NewPCG(seed, 1))
			var mu sync.Mutex
			roll := func() float64 {
				mu.Lock()
				defer mu.Unlock()
				return dice.Float64()
			}
			faulty := l.Under(func(ctx context.Context, _ inject.Call, do func(context.Context) error) error {
				switch d := roll(); {
				case d < 0.01:
					return errDied
				case d < 0.02:
					_ = do(ctx)
					return errDied
				case d < 0.04:
					_ = do(ctx)
					return inject.Lost()
				case d < 0.06:
					return inject.Refused("ThrottlingException")
				}
				return do(ctx)
			}, nil)
			const clients, each = 8, 125
			steps := make([]appended, clients*each)
			var carriedOut atomic.Int64
			var working sync.WaitGroup
			for client := range clients {
				working.Go(func() {
					random := rand.New(rand.NewPCG(seed, uint64(client)+10))
					for n := range each {
						a := &steps[client*each+n]
						a.text, a.began = fmt.Sprintf("operation %d of client %d", n, client), time.Now()
						err := l.randomOperation(faulty, random, id, a.text, pool)
						a.end, a.known = time.Now(), err == nil
						switch carriedOut.Add(1) {
						case 400, 500:
							l.forward(id, pool)
						}
					}
				})
			}
			working.Wait()
			l.judgeReplay(id, steps)
		})
	}
}

// forward moves the release on by one status: it approves everything and lifts all holds, and tries
// again where other clients undo that.
func (l *harness) forward(id string, pool []string) {
	for range 20 {
		r, err := l.Release(l.ctx, id)
		if err != nil {
			continue
		}
		for _, change := range pool {
			_, _ = l.Decide(l.ctx, change, release.DecisionApproved, "to move on", l.write())
		}
		for holder := range 3 {
			_ = l.LiftHold(l.ctx, id, fmt.Sprint("holder", holder), l.write())
		}
		if _, err := l.Transition(l.ctx, id, moveTo(release.AllowedNext(r.Status)[0]), l.write()); err == nil {
			return
		}
	}
}

// judgeReplay checks the log against the release as it is, and against the times at which clients
// began and were answered.
func (l *harness) judgeReplay(id string, steps []appended) {
	l.t.Helper()
	var log []release.LogEntry
	for cursor := ""; ; {
		page, next, err := l.LogPage(l.ctx, id, "", 100, cursor, false)
		l.no(err)
		log = append(log, page...)
		if cursor = next; next == "" {
			break
		}
	}
	slices.Reverse(log)
	detail, err := l.ReleaseWithLinks(l.ctx, id)
	l.no(err)
	got, err := replay(log)
	if want := fromRelease(detail.Release, detail.Links); err != nil || !reflect.DeepEqual(got, want) {
		l.t.Errorf("%v; replayed, the log gives\n%+v\nand the release is\n%+v", err, got, want)
	}
	var pending []string
	for change, decision := range got.scope {
		if decision != release.DecisionApproved {
			pending = append(pending, change)
		}
	}
	if slices.Sort(pending); !slices.Equal(pending, detail.Release.Unapproved) {
		l.t.Errorf("by the log %v are not approved, by the release %v", pending, detail.Release.Unapproved)
	}
	byName := map[string]appended{}
	for _, a := range steps {
		byName[a.text] = a
	}
	var latest time.Time
	found := 0
	for _, e := range log {
		a, known := byName[nameIn(e)]
		if !known || !a.known {
			continue
		}
		if found++; a.end.Before(latest) {
			l.t.Fatalf("%q was acknowledged before an operation began that the log has before it", a.text)
		}
		if a.began.After(latest) {
			latest = a.began
		}
	}
	l.t.Logf("%d entries, %d of them of acknowledged operations; the release is %s at revision %d", len(log), found, detail.Release.Status, detail.Release.Revision)
	if found < 200 {
		l.t.Errorf("only %d acknowledged operations were found in the log, want 200 or more", found)
	}
}

// nameIn returns the name of the operation that left an entry.
func nameIn(e release.LogEntry) string {
	if i := slices.IndexFunc(e.Changes, func(c release.FieldChange) bool { return c.Field == "name" }); i >= 0 {
		return e.Changes[i].To
	}
	if e.Kind == release.LogDecision {
		return release.DecisionNote(e.Text)
	}
	return e.Text
}
