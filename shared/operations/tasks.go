package operations

import (
	"context"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
)

// TaskView is a task as callers see it.
type TaskView struct {
	ID string `json:"id" doc:"The id."`
	release.TaskPlan

	Comments    []release.Comment `json:"comments" doc:"What releases have left on it, oldest first."`
	ResolvedAt  *time.Time        `json:"resolvedAt,omitempty" doc:"When it was resolved."`
	ReopenedAt  *time.Time        `json:"reopenedAt,omitempty" doc:"When it was last opened again."`
	ReopenCount int               `json:"reopenCount" doc:"How often it was opened again."`
	CreatedAt   time.Time         `json:"createdAt" doc:"When it was created."`
	CreatedBy   string            `json:"createdBy" doc:"Who created it."`
	UpdatedAt   time.Time         `json:"updatedAt" doc:"When it last changed."`
	Revision    int               `json:"revision" doc:"Grows by one with each change."`

	LinkedRelease *TaskRelease `json:"linkedRelease,omitempty" doc:"The badge: the release that its change request is in, or was in last."`
}

// TaskRelease is the badge on a task: the release its change request is in, or was in
// last.
type TaskRelease struct {
	ID             string         `json:"id" doc:"The id."`
	Name           string         `json:"name" doc:"What people call the release."`
	Status         release.Status `json:"status" doc:"Where the release stands."`
	ScheduledStart *time.Time     `json:"scheduledStart,omitempty" doc:"When the window begins."`
	ScheduledEnd   *time.Time     `json:"scheduledEnd,omitempty" doc:"When the window ends."`
	Badge          string         `json:"badge" doc:"The badge's text."`
}

func badge(r release.Release) *TaskRelease {
	return &TaskRelease{
		ID: r.ID, Name: r.Name, Status: r.Status, ScheduledStart: r.ScheduledStart, ScheduledEnd: r.ScheduledEnd,
		Badge: "Linked Release: " + r.ID,
	}
}

func viewTask(t release.Task) TaskView {
	comments := t.Comments
	if comments == nil {
		comments = []release.Comment{}
	}
	return TaskView{
		ID: t.ID, TaskPlan: shownTask(t.TaskPlan), Comments: comments, ResolvedAt: t.ResolvedAt, ReopenedAt: t.ReopenedAt, ReopenCount: t.ReopenCount,
		CreatedAt: t.CreatedAt, CreatedBy: t.CreatedBy, UpdatedAt: t.UpdatedAt, Revision: t.Revision,
	}
}

// TaskPage is one page of tasks.
type TaskPage struct {
	Tasks      []TaskView `json:"tasks" doc:"The tasks of this page."`
	NextCursor string     `json:"nextCursor,omitempty" doc:"What to send as 'cursor' for the next page; there is none on the last."`
}

// ListTasksInput asks for the tasks of one requester, change request or configuration
// item; Status narrows it.
type ListTasksInput struct {
	RequesterEmail  string `json:"requesterEmail" doc:"Whose tasks: one of 'requesterEmail', 'changeRequestId' and 'ciId' is needed, and only one. A caller without a role who names none gets their own."`
	ChangeRequestID string `json:"changeRequestId" doc:"The tasks linked to a change request."`
	CIID            string `json:"ciId" doc:"The tasks about a configuration item."`
	Status          string `json:"status" doc:"Only tasks with this status."`
	Paging
}

// ListTasks returns a page of tasks, each with its badge. A caller without a role may list
// their own, which are also what they get where they ask for no others.
func (o *Operations) ListTasks(ctx context.Context, in ListTasksInput) (TaskPage, error) {
	who, known := release.CallerFrom(ctx)
	if _, denied := allow(ctx, ListTasks); denied != nil {
		if known && who.EmailVerified && in.RequesterEmail == "" && in.ChangeRequestID == "" && in.CIID == "" {
			in.RequesterEmail = who.Email
		}
		if !known || !who.Owns(in.RequesterEmail) {
			return TaskPage{}, denied
		}
	}
	if err := in.invalid(in); err != nil {
		return TaskPage{}, err
	}
	status, _ := release.ParseTaskStatus(in.Status)
	by := dynamo.TasksBy{Requester: in.RequesterEmail, Change: in.ChangeRequestID, CI: in.CIID}
	all, releases, next, err := o.store.ListTasksWithReleases(ctx, by, status, in.size(), in.Cursor)
	if err != nil {
		return TaskPage{}, err
	}
	page := TaskPage{Tasks: make([]TaskView, len(all)), NextCursor: next}
	for i, t := range all {
		page.Tasks[i] = viewTask(t)
		if r, ok := releases[t.ChangeRequestID]; ok {
			page.Tasks[i].LinkedRelease = badge(r)
		}
	}
	return page, nil
}

// CreateTaskInput is a new task. ID may come from an ITSM suite; Status is Open where
// it is left out.
type CreateTaskInput struct {
	ID string `json:"id" doc:"An id of your own, for example from an ITSM suite; one is made where it is left out."`
	release.TaskPlan
	DecodeErrors
}

// CreateTask makes a task and links it to its change request, if it names one.
func (o *Operations) CreateTask(ctx context.Context, in CreateTaskInput, pre Precondition) (TaskView, error) {
	who, err := allow(ctx, CreateTask)
	if err != nil {
		return TaskView{}, err
	}
	w := o.write(who, pre)
	at := w.At.Truncate(time.Second)
	t := release.Task{ID: in.ID, TaskPlan: in.TaskPlan, CreatedAt: w.At, CreatedBy: who.Author(), UpdatedAt: at, Revision: 1}
	if t.ID == "" {
		t.ID = "TASK-" + o.newID()
	}
	if t.CIIDs == nil {
		t.CIIDs = []string{}
	}
	status, _ := release.ParseTaskStatus(string(in.status()))
	t.Status = release.TaskOpen
	t = t.SetStatus(status, at)
	if err := in.invalid(in); err != nil {
		return refused(ctx, o, pre, o.store.RecordInTasks, viewTask, err)
	}
	return idempotent(ctx, o, pre, w, viewTask, func(w dynamo.Write) (release.Task, error) {
		return o.store.CreateTask(ctx, t, w)
	})
}

// status is the status of the new task: Open by default.
func (in CreateTaskInput) status() release.TaskStatus {
	if in.Status == "" {
		return release.TaskOpen
	}
	return in.Status
}

func (in CreateTaskInput) check(f *release.ValidationErrors) {
	f.IdentifierOrNone("id", in.ID)
	plan := in.TaskPlan
	plan.Status = in.status()
	plan.Check(f)
}

// GetTask returns a task with its comments and the release it waits for. A caller
// without a role may read their own; of any other they learn nothing, not even
// whether it exists.
func (o *Operations) GetTask(ctx context.Context, id string) (TaskView, error) {
	who, ok := release.CallerFrom(ctx)
	_, denied := allow(ctx, GetTask)
	if denied != nil && (!ok || !who.EmailVerified || who.Email == "") {
		return TaskView{}, denied
	}
	err := identified("task", id)
	var t release.Task
	if err == nil {
		t, err = o.store.Task(ctx, id)
	}
	if denied != nil && (release.IsKind(err, release.KindNotFound) || err == nil && !who.Owns(t.RequesterEmail)) {
		return TaskView{}, denied
	}
	if err != nil {
		return TaskView{}, err
	}
	v := viewTask(t)
	if t.ChangeRequestID == "" {
		return v, nil
	}
	c, err := o.store.Change(ctx, t.ChangeRequestID)
	if release.IsKind(err, release.KindNotFound) {
		return v, nil
	}
	if err != nil {
		return TaskView{}, err
	}
	r, err := o.linkedRelease(ctx, c)
	if r != nil {
		v.LinkedRelease = badge(*r)
	}
	return v, err
}

// UpdateTask applies a JSON merge patch to a task. Moving it to another change request
// is refused while the release that resolved it is deployed.
func (o *Operations) UpdateTask(ctx context.Context, id string, body []byte, pre Precondition) (TaskView, error) {
	who, err := allow(ctx, UpdateTask)
	if err != nil {
		return TaskView{}, err
	}
	if err := identified("task", id); err != nil {
		return TaskView{}, err
	}
	patch, err := readPatch(body)
	if err != nil {
		return TaskView{}, err
	}
	w := o.write(who, pre)
	t, err := o.store.UpdateTask(ctx, id, func(t release.Task) (release.Task, error) {
		plan, _, wrong, err := patched[release.TaskPlan](t.TaskPlan, patch, besideTask)
		if err != nil {
			return t, err
		}
		after, err := editTask(t, plan, w.At)
		return after, wrong.mergedWith(err)
	}, w)
	return viewTask(t), err
}

func editTask(t release.Task, plan release.TaskPlan, at time.Time) (release.Task, error) {
	var f release.ValidationErrors
	if plan.CIIDs == nil {
		plan.CIIDs = []string{}
	}
	plan.CheckEdit(&f, t.TaskPlan)
	if err := f.Err(); err != nil {
		return t, err
	}
	status, _ := release.ParseTaskStatus(string(plan.Status))
	plan.Status = t.Status
	t.TaskPlan = plan
	return t.SetStatus(status, at), nil
}

// check checks the list's filters and its paging: what cannot be an id or an address must
// not reach the store, which bounds its keys.
func (in ListTasksInput) check(f *release.ValidationErrors) {
	given := 0
	for _, v := range []string{in.RequesterEmail, in.ChangeRequestID, in.CIID} {
		if v != "" {
			given++
		}
	}
	f.Email("requesterEmail", in.RequesterEmail, false)
	f.IdentifierOrNone("changeRequestId", in.ChangeRequestID)
	f.ConfigurationItemOrNone("ciId", in.CIID)
	in.Paging.check(f)
	if given != 1 {
		f.Add("requesterEmail", "send exactly one of requesterEmail, changeRequestId and ciId")
	}
	release.OneOf(f, "status", in.Status, release.TaskStatuses, false)
}
