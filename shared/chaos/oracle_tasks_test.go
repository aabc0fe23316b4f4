package chaos_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// fold is what a task must be after all the writes that reached it. The tests of package settle
// have a fold of the same rules, and the two must not share code: each was typed from the
// contract, so that a rule would have to be misread twice before both are silent. That one is
// fed from the store's own histories, this one from what the API and the streams show. The
// lifecycle's table is typed twice for the same reason.
type fold struct {
	status, change, resolvedBy string
	applied, reopened          int
	comments                   []string
}

func isOpen(status string) bool {
	return status == "Open" || status == "InProgress" || status == "OnHold"
}

func (f *fold) settle(s settled) {
	if slices.Contains(f.comments, s.comment) {
		return // it reached the task before, at another change request of the release
	}
	f.comments = append(f.comments, s.comment)
	switch {
	case s.kind == "deployed" && isOpen(f.status):
		f.status, f.resolvedBy = "Resolved", s.release
	case s.kind == "rolled-back" && f.resolvedBy == s.release:
		f.status, f.resolvedBy = "Open", ""
		f.reopened++
	}
}

// set applies a person's edit of the status; "" leaves it as it is.
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
	return fmt.Sprintf("%s of %q, applied %d, reopened %d, %q", f.status, f.change, f.applied, f.reopened, f.comments)
}

// image reads a task from a stream image, and its title, which tells whose write it was.
func image(i map[string]events.DynamoDBAttributeValue) (f *fold, title string) {
	str := func(name string) string {
		if v, ok := i[name]; ok {
			return v.String()
		}
		return ""
	}
	num := func(name string) int {
		n := int64(0)
		if v, ok := i[name]; ok {
			n, _ = v.Integer()
		}
		return int(n)
	}
	f = &fold{status: str("status"), change: str("changeRequestId"), applied: num("appliedEpoch"), reopened: num("reopenCount")}
	if v, ok := i["comments"]; ok {
		for _, c := range v.List() {
			f.comments = append(f.comments, c.Map()["text"].String())
		}
	}
	return f, str("title")
}

// judgeTasks checks I1, I2, I4 and I5 for the tasks, write by write. Clients change the title
// with each write, so it tells who made a write; settlements leave it.
func (v *verdict) judgeTasks() {
	byName := map[string]*op{}
	for _, o := range v.ops {
		byName[o.name] = o
	}
	images := map[string][]map[string]events.DynamoDBAttributeValue{}
	for _, r := range v.feed("TasksTable") {
		id, ok := strings.CutPrefix(r.Change.Keys["pk"].String(), "TASK#")
		if ok && r.Change.Keys["sk"].String() == "M" {
			images[id] = append(images[id], r.Change.NewImage)
		}
	}
	written := map[string]int{}
	for id, all := range images {
		v.judgeTask(id, all, byName, written)
	}
	for _, o := range v.ops {
		if o.kind != "edit-task" && o.kind != "create-task" {
			continue
		}
		switch n := written[o.name]; {
		case n > 1, o.acked() && n == 0, o.refused() && n > 0:
			v.fault("%s %s of %s reached the task %d times, and was answered %d %s", o.kind, o.name, o.target, n, o.answer.Status, o.answer.Text)
		}
	}
}

// judgeTask folds the writes to one task, in their order in the stream, and compares each image
// with the fold. In written it counts the writes of each operation.
func (v *verdict) judgeTask(id string, images []map[string]events.DynamoDBAttributeValue, byName map[string]*op, written map[string]int) {
	var path []string
	wrong := func(format string, args ...any) {
		v.fault("%s: %s\n\t%s", id, fmt.Sprintf(format, args...), strings.Join(path, "\n\t"))
	}
	var f *fold
	title := ""
	followed := false // whether the last write was a settlement's, and changed the status
	for _, i := range images {
		is, now := image(i)
		followed = f != nil && now == title && is.status != f.status
		path = append(path, fmt.Sprintf("%s: %s", now, is))
		o := byName[named.FindString(now)]
		switch {
		case o == nil:
			wrong("no operation has the name in the title %q", now)
			return
		case f == nil:
			f = &fold{status: "Open", change: is.change, applied: is.applied}
			written[o.name]++
			if want := o.add[0]; is.change != want || is.applied > len(v.truth[want]) {
				wrong("it was created in %q with %d settlements applied, want in %q with at most %d", is.change, is.applied, want, len(v.truth[want]))
			}
		case now != title:
			written[o.name]++
			if len(o.add) > 0 && o.add[0] != f.change {
				v.leave(f, len(is.comments), wrong)
				f.change, f.applied = o.add[0], is.applied
				if is.applied > len(v.truth[f.change]) {
					wrong("it was linked to %s with %d settlements applied, and there were %d", f.change, is.applied, len(v.truth[f.change]))
				}
			}
			f.set(o.to)
		default:
			if is.applied <= f.applied || is.applied > len(v.truth[f.change]) {
				wrong("a settlement wrote nothing that was missing: it was at %d of %d, and is at %d", f.applied, len(v.truth[f.change]), is.applied)
			}
			for f.applied < min(is.applied, len(v.truth[f.change])) {
				f.settle(v.truth[f.change][f.applied])
				f.applied++
			}
		}
		title = now
		if f.String() != is.String() {
			wrong("want %s, by the settlements %v", f, v.truth[f.change])
			return
		}
	}
	if f.applied != len(v.truth[f.change]) {
		wrong("%d settlements reached it, and %s has %v", f.applied, f.change, v.truth[f.change])
	}
	seen := map[string]bool{}
	for _, c := range f.comments {
		if seen[c] {
			wrong("the comment %q is there twice", c)
		}
		seen[c] = true
	}
	var task struct {
		Status, ChangeRequestID string
		RequesterEmail          string
		Comments                []struct{ Text string }
		ReopenCount             int
	}
	if !v.get("/tasks/"+id, &task) || task.Status != f.status || task.ChangeRequestID != f.change || len(task.Comments) != len(f.comments) || task.ReopenCount != f.reopened {
		wrong("GET shows %+v, want %s", task, f)
	}
	// If a settlement resolved or reopened a task and nobody has edited it since, its requester
	// is told of the latest settlement.
	if n := len(v.truth[f.change]); followed && n > 0 {
		kind := map[string]string{"deployed": "resolved", "rolled-back": "rolled-back"}[v.truth[f.change][n-1].kind]
		v.due[id] = kind + " " + v.truth[f.change][n-1].release + " " + task.RequesterEmail
	}
}

// leave applies what the old change request still had for a task that moves away: as many
// settlements as the image after the move has comments.
func (v *verdict) leave(f *fold, comments int, wrong func(string, ...any)) {
	for f.change != "" && len(f.comments) < comments && f.applied < len(v.truth[f.change]) {
		f.settle(v.truth[f.change][f.applied])
		f.applied++
	}
	if f.resolvedBy != "" {
		wrong("it left %s though %s had resolved it", f.change, f.resolvedBy)
	}
}
