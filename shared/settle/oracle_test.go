package settle_test

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/release"
)

// The oracle is the rules of settlements (docs/architecture.md, docs/faults.md) typed a second
// time, on purpose without the code under test: what a task must be after each write that reached
// it. The order of the writes is that of the task's stream records; who made each tells the
// request that it carries. Package chaos has an oracle of its own for the same rules, which must
// not share code with this one either: see fold there.

// verdict is what is wrong with the final state (final), and with how it came about (strict).
type verdict struct{ final, strict []string }

// settled is one settlement as the release's own history tells it.
type settled struct {
	release string
	epoch   int
	kind    string
	at      string
	reason  string
}

func (s settled) comment() string {
	if s.kind == "deployed" {
		return "Resolved as part of release " + s.release + ", deployed " + s.at
	}
	return "Rollback: " + s.reason
}

// fold is what a task must be.
type fold struct {
	status, change, resolvedBy string
	applied, reopened          int
	comments                   []string
}

func isOpen(status string) bool {
	return status == "Open" || status == "InProgress" || status == "OnHold"
}

// keyed is a comment with its id, as taskOfImage reads it.
func (s settled) keyed() string { return fmt.Sprintf("%s#%d %s", s.release, s.epoch, s.comment()) }

// knownTo tells whether the settlement reached the task before, at another change
// request of the release.
func (s settled) knownTo(f *fold) bool { return slices.Contains(f.comments, s.keyed()) }

func (f *fold) settle(s settled) {
	if s.knownTo(f) {
		return // I2
	}
	f.comments = append(f.comments, s.keyed())
	switch s.kind {
	case "deployed":
		if isOpen(f.status) {
			f.status, f.resolvedBy = "Resolved", s.release
		}
	case "rolled-back":
		if f.resolvedBy == s.release {
			f.status, f.resolvedBy = "Open", ""
			f.reopened++
		}
	}
}

func (f *fold) set(status string) {
	if status == "" || status == f.status {
		return
	}
	if isOpen(status) {
		if !isOpen(f.status) {
			f.reopened++
		}
		f.resolvedBy = ""
	}
	if status == "Cancelled" {
		f.resolvedBy = ""
	}
	f.status = status
}

func (f *fold) String() string {
	return fmt.Sprintf("%s of %s, resolved by %q, applied %d, reopened %d, %q", f.status, f.change, f.resolvedBy, f.applied, f.reopened, f.comments)
}

// taskOfImage reads a task from a stream image.
func taskOfImage(image map[string]events.DynamoDBAttributeValue) *fold {
	str := func(name string) string {
		if v, ok := image[name]; ok {
			return v.String()
		}
		return ""
	}
	num := func(name string) int {
		n := int64(0)
		if v, ok := image[name]; ok {
			n, _ = v.Integer()
		}
		return int(n)
	}
	f := &fold{status: str("status"), change: str("changeRequestId"), resolvedBy: str("resolvedBy"), applied: num("appliedEpoch"), reopened: num("reopenCount")}
	if v, ok := image["comments"]; ok {
		for _, c := range v.List() {
			f.comments = append(f.comments, c.Map()["id"].String()+" "+c.Map()["text"].String())
		}
	}
	return f
}

// judge checks everything that the seed left against the rules.
func (p *simulation) judge(s *stats) verdict {
	v := verdict{}
	truth := p.judgeReleases(&v)
	p.judgeChanges(&v, truth)
	images := map[string][]map[string]events.DynamoDBAttributeValue{}
	for _, r := range p.fixture.tasks.Read() {
		if id, ok := strings.CutPrefix(r.Change.Keys["pk"].String(), "TASK#"+p.prefix); ok {
			images[id] = append(images[id], r.Change.NewImage)
		}
	}
	for id, all := range images {
		p.judgeTask(&v, s, p.prefix+id, all, truth)
	}
	return v
}

// lifecycle says from which statuses each status can be entered, typed by hand.
var lifecycle = map[string]string{
	"approved": "planned", "scheduled": "approved", "in-progress": "scheduled", "deployed": "in-progress",
	"rolled-back": "in-progress deployed", "cancelled": "planned approved scheduled in-progress",
}

// judgeReleases checks I3 to I5 and returns, for each change request, the settlements that its
// tasks must follow, in order.
func (p *simulation) judgeReleases(v *verdict) map[string][]settled {
	truth := map[string][]settled{}
	times := map[string]int{}
	for _, id := range p.releaseIDs {
		r, err := p.Store.Release(context.Background(), id)
		if err != nil {
			v.final = append(v.final, err.Error())
			continue
		}
		status := "planned"
		for n, entry := range r.History {
			if entry.Epoch != n+1 || string(entry.From) != status || !strings.Contains(" "+lifecycle[string(entry.To)]+" ", " "+status+" ") {
				v.final = append(v.final, fmt.Sprintf("%s: transition %d of its history is %+v, and the release was %s", id, n+1, entry, status))
			}
			status = string(entry.To)
			times[entry.Request]++
			if status == "deployed" || status == "rolled-back" {
				for _, change := range r.ChangeIDs {
					truth[change] = append(truth[change], settled{release: id, epoch: n + 1, kind: status, at: entry.At.Format("2006-01-02T15:04:05Z"), reason: entry.Reason})
				}
			}
		}
		if r.Settling != nil && len(r.Settling.Unsettled) > 0 {
			v.final = append(v.final, fmt.Sprintf("%s is still settling: %v", id, r.Settling.Unsettled))
		}
	}
	for request, t := range p.moves {
		n := times[request]
		if t.answer == "accepted" && n != 1 || t.answer == "refused" && n != 0 || n > 1 {
			v.final = append(v.final, fmt.Sprintf("the transition of %s to %s was %s and is %d times in the history", t.release, t.to, t.answer, n))
		}
	}
	return truth
}

// judgeChanges checks I6, and that each history is the fold of the releases'.
func (p *simulation) judgeChanges(v *verdict, truth map[string][]settled) {
	all, err := p.Store.ChangesByID(context.Background(), p.changeIDs)
	if err != nil || len(all) != len(p.changeIDs) {
		v.final = append(v.final, fmt.Sprintf("%d of %d change requests are there: %v", len(all), len(p.changeIDs), err))
	}
	for _, c := range all {
		var history []settled
		for _, s := range c.History {
			history = append(history, settled{s.ReleaseID, s.Epoch, string(s.Kind), s.At.Format("2006-01-02T15:04:05Z"), s.Reason})
		}
		want := truth[c.ID]
		if !slices.Equal(history, want) {
			v.final = append(v.final, fmt.Sprintf("%s has the history\n\t%v, want\n\t%v", c.ID, history, want))
		}
		resolved := len(want) > 0 && want[len(want)-1].kind == "deployed"
		if (c.Status == release.ChangeResolved) != resolved {
			v.final = append(v.final, fmt.Sprintf("%s is %s after %v; want it Resolved: %t", c.ID, c.Status, want, resolved))
		}
		if r, err := p.Store.Release(context.Background(), c.ReleaseID); c.ReleaseID != "" && (err != nil || !r.Live()) {
			v.final = append(v.final, fmt.Sprintf("%s is still linked to %s, which has ended", c.ID, c.ReleaseID))
		}
	}
}

// judgeTask checks I1 and I2 of one task, write by write.
func (p *simulation) judgeTask(v *verdict, s *stats, id string, images []map[string]events.DynamoDBAttributeValue, truth map[string][]settled) {
	var path []string
	wrong := func(list *[]string, format string, args ...any) {
		*list = append(*list, fmt.Sprintf("%s: %s\n\t%s", id, fmt.Sprintf(format, args...), show(path)))
	}
	created := map[string]bool{}
	var f *fold
	request := ""
	for n, image := range images {
		is := taskOfImage(image)
		by := image["request"].String()
		path = append(path, fmt.Sprintf("%d by %s: %s", n, by, is))
		e := p.edits[by]
		switch {
		case e == nil:
			wrong(&v.strict, "no edit has the request id %s", by)
			return
		case n == 0:
			s.Created++
			f = &fold{status: "Open", change: e.change, applied: is.applied}
			p.inBounds(v, e, e.change, is.applied, wrong)
		case by != request && created[by]:
			wrong(&v.final, "request %s was carried out twice", by)
		case by != request:
			s.Edits++
			if e.moves && e.change != f.change {
				s.Moves++
				p.leave(v, f, e, len(is.comments)-len(f.comments), truth, wrong)
				f.change, f.applied = e.change, is.applied
				p.inBounds(v, e, e.change, is.applied, wrong)
			}
			f.set(string(e.status))
		default:
			s.Followed++
			if is.applied <= f.applied || is.applied > len(truth[f.change]) {
				wrong(&v.strict, "a settlement wrote nothing that was missing: it was at %d of %d, and is at %d", f.applied, len(truth[f.change]), is.applied)
			}
			for f.applied < min(is.applied, len(truth[f.change])) {
				f.settle(truth[f.change][f.applied])
				f.applied++
			}
		}
		created[by], request = true, by
		if f.String() != is.String() {
			wrong(&v.strict, "want %s", f)
			if n < len(images)-1 {
				continue
			}
		}
	}
	is := taskOfImage(images[len(images)-1])
	if f.applied != len(truth[f.change]) || f.String() != is.String() {
		for f.applied < len(truth[f.change]) {
			f.settle(truth[f.change][f.applied])
			f.applied++
		}
		wrong(&v.final, "ends as %s, want %s", is, f)
	}
	ids := map[string]bool{}
	for _, c := range is.comments {
		key, _, _ := strings.Cut(c, " ")
		if ids[key] {
			wrong(&v.final, "the comment %s is there twice", key)
		}
		ids[key] = true
	}
}

// leave applies what the old change request still had for a task that moves away, and checks
// that it is what had reached the change request at that moment. How much that was follows from
// the number of comments that the write brought (count). A settlement that the task knew from
// another change request of the same release brings none, so that several epochs may be right:
// least to most.
func (p *simulation) leave(v *verdict, f *fold, e *edit, count int, truth map[string][]settled, wrong func(*[]string, string, ...any)) {
	if f.change == "" {
		return
	}
	least, most, want := f.applied, f.applied, len(f.comments)+max(0, count)
	for ; most < len(truth[f.change]); most++ {
		before := len(f.comments)
		if s := truth[f.change][most]; before < want || s.knownTo(f) {
			f.settle(s)
		} else {
			break
		}
		if len(f.comments) > before {
			least = most + 1
		}
	}
	if len(f.comments) < want {
		wrong(&v.strict, "it left %s with more comments than that has settlements: %d, want %d at most", f.change, want, len(f.comments))
	}
	if low, high := e.bounds(f.change); most < low || least > high {
		wrong(&v.strict, "it left %s at epoch %d to %d; while the edit ran, %[1]s was at %[4]d to %[5]d", f.change, least, most, low, high)
	}
	if f.resolvedBy != "" {
		wrong(&v.strict, "it left %s though %s had resolved it", f.change, f.resolvedBy)
	}
}

// inBounds checks that an edit linked a task at an epoch that the change request had while the
// edit ran.
func (p *simulation) inBounds(v *verdict, e *edit, change string, epoch int, wrong func(*[]string, string, ...any)) {
	if change == "" {
		return
	}
	if low, high := e.bounds(change); epoch < low || epoch > high {
		wrong(&v.strict, "it was linked to %s at epoch %d; while the edit ran, %[1]s was at %[3]d to %[4]d", change, epoch, low, high)
	}
}
