package dynamo

import (
	"cmp"
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// Task reads a task, strongly consistent.
func (s *Store) Task(ctx context.Context, id string) (release.Task, error) {
	i, err := s.taskItem(ctx, id)
	if err != nil {
		return release.Task{}, err
	}
	return decodeTask(i), nil
}

func (s *Store) taskItem(ctx context.Context, id string) (item, error) {
	i, err := s.get(ctx, s.tables.Tasks, taskKey(id))
	if err == nil && i == nil {
		err = release.NotFound("task", id)
	}
	return i, err
}

// CreateTask stores a task with the rows by which it is found. Where it names a change
// request, the transaction checks the request's epoch and stores it in the task:
// settlements up to now do not touch the task, later ones do.
func (s *Store) CreateTask(ctx context.Context, t release.Task, w Write) (release.Task, error) {
	w.keepRecordIn(s.tables.Tasks)
	return retryOnConflict(ctx, func() (release.Task, error) {
		t := t
		var further []types.TransactWriteItem
		if t.ChangeRequestID != "" {
			c, err := s.taskChange(ctx, t.ChangeRequestID)
			if err != nil {
				return t, err
			}
			t.AppliedEpoch = c.Epoch()
			further = append(further, s.checkEpoch(c))
		}
		for _, row := range taskRows(t) {
			further = append(further, putAction(s.tables.Tasks, row, newExpression()))
		}
		i := encodeTask(t)
		i["request"] = text(w.Request)
		t = decodeTask(i)
		err := s.create(ctx, s.tables.Tasks, i, &t, w, further)
		failed, ok := failedCondition(err)
		switch {
		case !ok:
			return t, err
		case failed.index == 0:
			return t, alreadyExists("task", t.ID)
		}
		return t, errConflict
	})
}

// taskChange reads the change request that a task names; an unknown one is a wrong
// field of the request.
func (s *Store) taskChange(ctx context.Context, id string) (release.Change, error) {
	c, err := s.Change(ctx, id)
	if release.IsKind(err, release.KindNotFound) {
		var f release.ValidationErrors
		f.Add("changeRequestId", "there is no change request %s", id)
		err = f.Err()
	}
	return c, err
}

// checkEpoch demands that no settlement has reached the change request since it was read.
func (s *Store) checkEpoch(c release.Change) types.TransactWriteItem {
	return checkAction(s.tables.Changes, changeKey(c.ID), newExpression().equal("epoch", number(c.Epoch())))
}

// UpdateTask changes a task by edit, which gets the task as it is. Moving it to another
// change request, or unlinking it, first applies the settlements of the old request that
// have not reached it yet, in the same write; a task that a deployed release has resolved
// cannot be moved.
func (s *Store) UpdateTask(ctx context.Context, id string, edit func(release.Task) (release.Task, error), w Write) (release.Task, error) {
	w.keepRecordIn(s.tables.Tasks)
	return retryOnConflict(ctx, func() (release.Task, error) {
		stored, err := s.taskItem(ctx, id)
		if err != nil {
			return release.Task{}, err
		}
		before := decodeTask(stored)
		if err := checkRevision("task", id, before.Revision, w); err != nil {
			return before, err
		}
		base, after, checks, err := s.planTaskEdit(ctx, before, edit)
		if err != nil {
			return base, err
		}
		if reflect.DeepEqual(encodeTask(before), encodeTask(after)) {
			return before, nil // an edit that changes nothing
		}
		after.Revision = before.Revision + 1
		after.UpdatedAt = w.At
		i := encodeTask(after)
		i["request"] = text(w.Request)
		i["createdAt"] = stored["createdAt"] // to the millisecond: its place in the lists
		after = decodeTask(i)
		actions := append([]types.TransactWriteItem{
			putAction(s.tables.Tasks, i, newExpression().equal("revision", number(before.Revision))),
		}, checks...)
		return after, s.writeChunk(ctx, append(actions, s.updateTaskRows(before, after)...), w, &after)
	})
}

// planTaskEdit applies the edit and works out what it means for the settlements the task
// follows.
func (s *Store) planTaskEdit(ctx context.Context, before release.Task, edit func(release.Task) (release.Task, error)) (base, after release.Task, checks []types.TransactWriteItem, err error) {
	if after, err = edit(before); err != nil || after.ChangeRequestID == before.ChangeRequestID {
		return before, after, nil, err
	}
	base = before
	if before.ChangeRequestID != "" {
		old, err := s.Change(ctx, before.ChangeRequestID)
		if err != nil {
			return base, after, nil, err
		}
		base, _ = before.Follow(old.History)
		if base.ResolvedBy != "" {
			return base, after, nil, release.Fail(release.KindConflict, "task-resolved-by-release",
				"%s was resolved by %s, which is deployed: it stays linked to %s so that a rollback finds it.",
				before.ID, base.ResolvedBy, before.ChangeRequestID)
		}
		checks = append(checks, s.checkEpoch(old))
		if after, err = edit(base); err != nil {
			return base, after, nil, err
		}
	}
	after.AppliedEpoch = 0
	if after.ChangeRequestID != "" {
		c, err := s.taskChange(ctx, after.ChangeRequestID)
		if err != nil {
			return base, after, nil, err
		}
		after.AppliedEpoch = c.Epoch()
		checks = append(checks, s.checkEpoch(c))
	}
	return base, after, checks, nil
}

// updateTaskRows updates the rows by which a task is found.
func (s *Store) updateTaskRows(before, after release.Task) []types.TransactWriteItem {
	was, is := taskRows(before), taskRows(after)
	same := func(a item) func(item) bool {
		return func(b item) bool { return str(a, "pk") == str(b, "pk") }
	}
	equal := func(a item) func(item) bool {
		return func(b item) bool { return same(a)(b) && str(a, rowChange) == str(b, rowChange) }
	}
	var actions []types.TransactWriteItem
	for _, row := range was {
		if !slices.ContainsFunc(is, same(row)) {
			actions = append(actions, deleteAction(s.tables.Tasks, key(str(row, "pk"), str(row, "sk")), newExpression()))
		}
	}
	for _, row := range is {
		if !slices.ContainsFunc(was, equal(row)) {
			actions = append(actions, putAction(s.tables.Tasks, row, newExpression()))
		}
	}
	return actions
}

// TasksBy selects the tasks of a list: exactly one field is set.
type TasksBy struct{ Requester, Change, CI string }

// maxLookedAt bounds how many tasks are read for one page where a status filters the list;
// the page may then be short, or empty, and still have a next one.
const maxLookedAt = 300

// ListTasks returns a page of tasks: of a requester newest first, of a change request
// or configuration item by id. The rows are read from the table, not from an index.
func (s *Store) ListTasks(ctx context.Context, by TasksBy, status release.TaskStatus, limit int, cursor string) ([]release.Task, string, error) {
	return s.listTasks(ctx, by, status, limit, cursor, func(ctx context.Context, rows []item) ([]release.Task, error) {
		return s.TasksByID(ctx, tasksOf(rows))
	})
}

// ListTasksWithReleases is ListTasks, and for each change request that one of them is linked
// to the release that it is in, or was in last. It takes three requests a page: what finds a
// task names its change request, which is read with the task. It may name none, where an
// earlier version wrote it, or one that the task has left a moment ago; then there is a fourth.
func (s *Store) ListTasksWithReleases(ctx context.Context, by TasksBy, status release.TaskStatus, limit int, cursor string) ([]release.Task, map[string]release.Release, string, error) {
	releaseOf := map[string]string{} // by change request; empty for none
	tasks, next, err := s.listTasks(ctx, by, status, limit, cursor, func(ctx context.Context, rows []item) ([]release.Task, error) {
		return s.tasksWithChanges(ctx, rows, by.Change, releaseOf)
	})
	if err != nil {
		return nil, nil, "", err
	}
	var unknown []item
	for _, t := range tasks {
		if _, known := releaseOf[t.ChangeRequestID]; t.ChangeRequestID != "" && !known {
			releaseOf[t.ChangeRequestID] = ""
			unknown = append(unknown, changeKey(t.ChangeRequestID))
		}
	}
	changes, err := s.batchGet(ctx, s.tables.Changes, unknown)
	if err != nil {
		return nil, nil, "", err
	}
	for _, i := range changes {
		c := decodeChange(i)
		releaseOf[c.ID] = c.BadgeReleaseID()
	}
	releases, err := s.releasesByID(ctx, slices.Collect(maps.Values(releaseOf)))
	if err != nil {
		return nil, nil, "", err
	}
	found := map[string]release.Release{}
	for change, id := range releaseOf {
		if r, ok := releases[id]; ok {
			found[change] = r
		}
	}
	return tasks, found, next, nil
}

// tasksWithChanges reads the tasks that rows are of, and in the same request the change requests
// that the rows name, as far as they fit; those that are known already are not read again.
func (s *Store) tasksWithChanges(ctx context.Context, rows []item, change string, releaseOf map[string]string) ([]release.Task, error) {
	ids := tasksOf(rows)
	var changes []item
	for _, row := range rows {
		id := cmp.Or(change, str(row, rowChange))
		if _, known := releaseOf[id]; id != "" && !known && len(ids)+len(changes) < mostInBatch {
			releaseOf[id] = ""
			changes = append(changes, changeKey(id))
		}
	}
	if len(changes) == 0 {
		return s.TasksByID(ctx, ids)
	}
	consistent := aws.Bool(!s.eventuallyConsistent)
	found, err := s.batchGetTables(ctx, map[string]types.KeysAndAttributes{
		s.tables.Tasks:   {Keys: taskKeys(ids), ConsistentRead: consistent},
		s.tables.Changes: {Keys: changes, ConsistentRead: consistent},
	})
	if err != nil {
		return nil, err
	}
	for _, i := range found[s.tables.Changes] {
		c := decodeChange(i)
		releaseOf[c.ID] = c.BadgeReleaseID()
	}
	return inOrder(ids, found[s.tables.Tasks]), nil
}

// mostInBatch is how many items one BatchGetItem reads.
const mostInBatch = 100

// releasesByID reads releases themselves, without links and log; those that do not exist
// are left out.
func (s *Store) releasesByID(ctx context.Context, ids []string) (map[string]release.Release, error) {
	slices.Sort(ids)
	var keys []item
	for _, id := range slices.Compact(ids) {
		if id != "" {
			keys = append(keys, releaseKey(id))
		}
	}
	items, err := s.batchGet(ctx, s.tables.Releases, keys)
	found := make(map[string]release.Release, len(items))
	for _, i := range items {
		if r, err := foundRelease(i, nil, ""); err == nil {
			found[r.ID] = r
		}
	}
	return found, err
}

func (s *Store) listTasks(ctx context.Context, by TasksBy, status release.TaskStatus, limit int, cursor string, tasksOfRows func(context.Context, []item) ([]release.Task, error)) ([]release.Task, string, error) {
	ranges, err := s.taskRanges(by, cursor)
	if err != nil {
		return nil, "", err
	}
	page := []release.Task{}
	for looked := 0; ; {
		at := &ranges[0]
		at.query.Limit, at.query.ExclusiveStartKey = aws.Int32(int32(limit-len(page))), at.start
		out, err := s.taskRowsOf(ctx, at.query)
		if err != nil {
			return nil, "", pageFailure(err, cursor)
		}
		tasks, err := tasksOfRows(ctx, out.Items)
		if err != nil {
			return nil, "", err
		}
		for _, t := range tasks {
			if (status == "" || t.Status == status) && by.holds(t) {
				page = append(page, t)
			}
		}
		looked += len(out.Items)
		at.start = out.LastEvaluatedKey
		switch {
		case len(at.start) == 0 && len(ranges) == 1:
			return page, "", nil
		case len(at.start) == 0:
			ranges = ranges[1:]
		}
		if len(page) == limit || looked >= maxLookedAt {
			return page, sealCursor(ranges[0].start, ranges[0].list), nil
		}
	}
}

// taskRowsOf asks for rows that find tasks. Where the requesters' index cannot be read yet,
// the previous one is: it has the same keys.
func (s *Store) taskRowsOf(ctx context.Context, in *dynamodb.QueryInput) (*dynamodb.QueryOutput, error) {
	out, err := s.db.Query(ctx, in)
	if in.IndexName == nil || !indexNotReady(err) {
		return out, err
	}
	return s.db.Query(ctx, &dynamodb.QueryInput{
		TableName: &s.tables.Tasks, IndexName: aws.String(requesterIndexBefore), KeyConditionExpression: in.KeyConditionExpression,
		ExpressionAttributeNames: in.ExpressionAttributeNames, ExpressionAttributeValues: in.ExpressionAttributeValues,
		ScanIndexForward: in.ScanIndexForward, Limit: in.Limit, ExclusiveStartKey: in.ExclusiveStartKey,
	})
}

// The index of requesters names the change request of each task. The previous one, which does
// not, goes with the next upgrade.
const (
	requesterIndex       = "byRequesterWithChange"
	requesterIndexBefore = "byRequester"
)

// holds tells whether a task that was found matches: under an older key of a requester,
// the tasks of two people may be together.
func (by TasksBy) holds(t release.Task) bool {
	return by.Requester == "" || release.AddressKey(t.RequesterEmail) == release.AddressKey(by.Requester)
}

// taskRange is a query that finds tasks, the list that its cursors are of, and the key
// after which it begins.
type taskRange struct {
	query *dynamodb.QueryInput
	list  string
	start item
}

// taskRanges are the queries that find the tasks, from where the cursor stands.
func (s *Store) taskRanges(by TasksBy, cursor string) ([]taskRange, error) {
	if by.Requester != "" {
		return s.rangesOfRequester(by.Requester, cursor)
	}
	pk := changePrefix + by.Change
	if by.CI != "" {
		pk = ciPrefix + by.CI
	}
	start, err := openCursor(cursor, pk, map[string]string{"pk": pk}, shape{"sk": beginsWith(rowPrefix)})
	return []taskRange{{rangeOf(s.tables.Tasks, pk, "begins", rowPrefix), pk, start}}, err
}

// rangesOfRequester finds the tasks under the person's key, and after them those that are
// still under an older one: a task gets today's key when it is next written.
func (s *Store) rangesOfRequester(email, cursor string) ([]taskRange, error) {
	var ranges []taskRange
	for _, key := range append([]string{release.AddressKey(email)}, release.OlderAddressKeys(email)...) {
		list := "byRequester=" + key
		start, err := openCursor(cursor, list, map[string]string{"requesterKey": key}, inIndex(taskPrefix))
		switch {
		case err != nil:
			continue // the cursor may be of a later range
		case cursor == "" && len(ranges) > 0:
			// Newest first: nothing is newer than this. It has the shape of a cursor's key,
			// since a cursor may begin here too.
			start = item{"requesterKey": text(key), "createdAt": text("9999-12-31T23:59:59Z"), "pk": text(taskPrefix + "~"), "sk": text(mainSort)}
		}
		e := newExpression()
		condition := e.name("requesterKey") + " = " + e.value(text(key))
		ranges = append(ranges, taskRange{&dynamodb.QueryInput{
			TableName: &s.tables.Tasks, IndexName: aws.String(requesterIndex), KeyConditionExpression: &condition,
			ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values, ScanIndexForward: aws.Bool(false),
		}, list, start})
		cursor = ""
	}
	if len(ranges) == 0 {
		return nil, badCursor()
	}
	return ranges, nil
}

func tasksOf(rows []item) []string {
	ids := make([]string, len(rows))
	for n, row := range rows {
		ids[n] = taskOf(row)
	}
	return ids
}

func taskOf(row item) string {
	if id, isRow := strings.CutPrefix(str(row, "sk"), rowPrefix); isRow {
		return id
	}
	return strings.TrimPrefix(str(row, "pk"), taskPrefix)
}

// TasksByID reads tasks, strongly consistent, in the order asked; those that do not
// exist are left out.
func (s *Store) TasksByID(ctx context.Context, ids []string) ([]release.Task, error) {
	items, err := s.batchGet(ctx, s.tables.Tasks, taskKeys(ids))
	if err != nil {
		return nil, err
	}
	return inOrder(ids, items), nil
}

func taskKeys(ids []string) []item {
	keys := make([]item, len(ids))
	for n, id := range ids {
		keys[n] = taskKey(id)
	}
	return keys
}

// inOrder decodes the tasks in the order of the ids; those that do not exist are left out.
func inOrder(ids []string, items []item) []release.Task {
	found := make(map[string]release.Task, len(items))
	for _, i := range items {
		t := decodeTask(i)
		found[t.ID] = t
	}
	tasks := make([]release.Task, 0, len(found))
	for _, id := range ids {
		if t, ok := found[id]; ok {
			tasks = append(tasks, t)
		}
	}
	return tasks
}

// TaskIDsOfChange lists every task linked to a change request, from the table and
// strongly consistent: an index could lag behind a link.
func (s *Store) TaskIDsOfChange(ctx context.Context, changeID string) ([]string, error) {
	var all []string
	err := s.items(ctx, s.rowsOf(placeKey(changeID, "")), pageSize, func(row item) { all = append(all, taskOf(row)) })
	return all, err
}

// TaskIDsAfter reads the next ids of tasks that are linked to a change request or, where ci
// is given, on a configuration item, after a task; as TaskIDsOfChange does. More tells
// whether there may be others.
func (s *Store) TaskIDsAfter(ctx context.Context, changeID, ci, after string) (ids []string, more bool, err error) {
	pk := placeKey(changeID, ci)
	in := s.rowsOf(pk)
	if after != "" {
		in.ExclusiveStartKey = key(pk, rowPrefix+after)
	}
	err = s.pages(ctx, in, pageSize, func(page []item, next item) (bool, error) {
		for _, row := range page {
			ids = append(ids, taskOf(row))
		}
		more = len(next) > 0
		return false, nil
	})
	return ids, more, err
}

// placeKey is the partition of the rows that find a change request's tasks, or a
// configuration item's.
func placeKey(changeID, ci string) string {
	if ci != "" {
		return ciPrefix + ci
	}
	return changePrefix + changeID
}

func (s *Store) rowsOf(pk string) *dynamodb.QueryInput {
	return rangeOf(s.tables.Tasks, pk, "begins", rowPrefix)
}
