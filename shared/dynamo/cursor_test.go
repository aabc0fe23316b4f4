package dynamo_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
)

// pages reads all pages of a list. Between two pages it calls between, if that is given, with the
// last id of the page.
func pages(t *testing.T, page func(cursor string) (ids []string, next string, err error), between func(last string)) []string {
	t.Helper()
	var all []string
	cursor := ""
	for range 100 {
		ids, next, err := page(cursor)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ids...)
		if next == "" {
			return all
		}
		if len(ids) > 0 && between != nil {
			between(ids[len(ids)-1])
		}
		cursor = next
	}
	t.Fatal("the list does not end")
	return nil
}

func TestCursor_ItemDeleted_GoesOn(t *testing.T) {
	l := newHarness(t)
	var want []string
	for range 7 {
		r, _ := planOf()
		r.CreatedAt = time.Date(2026, 1, 1, 0, len(want), 0, 0, time.UTC)
		created, err := l.CreateRelease(l.ctx, r, nil, l.write())
		l.no(err)
		want = append(want, created.Release.ID)
	}
	slices.Reverse(want) // newest first
	for _, status := range []release.Status{"", release.Planned} {
		got := pages(t, func(cursor string) ([]string, string, error) {
			page, next, err := l.ListReleases(l.ctx, status, 2, cursor)
			var ids []string
			for _, r := range page {
				ids = append(ids, r.ID)
			}
			return ids, next, err
		}, func(last string) {
			if status == release.Planned {
				l.no(l.DeleteRelease(l.ctx, last, l.write()))
			}
		})
		if !slices.Equal(got, want) {
			t.Errorf("status %q: %v, want %v", status, got, want)
		}
	}
}

func TestCursor_PageByPage_ListIsComplete(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	var changes, tasks, entries []string
	for n := range 5 {
		c := newChange(fmt.Sprintf("CHG-%d", n), release.DecisionPending)
		c.CreatedAt = time.Date(2026, 1, 1, 0, n, 0, 0, time.UTC)
		_, err := l.CreateChange(l.ctx, c, l.write())
		l.no(err)
		changes = append(changes, c.ID)
		task := newTask(fmt.Sprintf("T-%d", n), "CHG-0")
		task.CreatedAt = c.CreatedAt
		_, err = l.CreateTask(l.ctx, task, l.write())
		l.no(err)
		tasks = append(tasks, task.ID)
		e, err := l.AppendLog(l.ctx, id, "x", "", l.write())
		l.no(err)
		entries = append(entries, e.ID)
	}
	newest := func(ids []string) []string { ids = slices.Clone(ids); slices.Reverse(ids); return ids }
	tasksBy := func(by dynamo.TasksBy) func(cursor string) ([]string, string, error) {
		return func(cursor string) (ids []string, next string, err error) {
			page, next, err := l.ListTasks(l.ctx, by, "", 2, cursor)
			for _, task := range page {
				ids = append(ids, task.ID)
			}
			return ids, next, err
		}
	}
	changesBy := func(approval release.ApprovalStatus) func(cursor string) ([]string, string, error) {
		return func(cursor string) (ids []string, next string, err error) {
			page, next, err := l.ListChanges(l.ctx, approval, 2, cursor)
			for _, c := range page {
				ids = append(ids, c.ID)
			}
			return ids, next, err
		}
	}
	lists := map[string]struct {
		page func(string) ([]string, string, error)
		want []string
	}{
		"change requests":            {changesBy(""), newest(changes)},
		"pending change requests":    {changesBy(release.ApprovalPending), newest(changes)},
		"tasks of a requester":       {tasksBy(dynamo.TasksBy{Requester: "ben@example.com"}), newest(tasks)},
		"tasks of a change request":  {tasksBy(dynamo.TasksBy{Change: "CHG-0"}), tasks},
		"tasks of a configuration":   {tasksBy(dynamo.TasksBy{CI: "CI-1"}), tasks},
		"tasks of another requester": {tasksBy(dynamo.TasksBy{Requester: "eve@example.com"}), nil},
		"log": {func(cursor string) (ids []string, next string, err error) {
			page, next, err := l.LogPage(l.ctx, id, "", 2, cursor, false)
			for _, e := range page {
				ids = append(ids, e.ID)
			}
			return ids, next, err
		}, append(newest(entries), "e0")},
	}
	cursors := map[string]string{}
	for name, list := range lists {
		if got := pages(t, list.page, nil); !slices.Equal(got, list.want) {
			t.Errorf("%s: %v, want %v", name, got, list.want)
		}
		_, next, err := list.page("")
		l.no(err)
		cursors[name] = next
	}
	// A cursor of one list is not valid for another, and a forged one for none.
	forged := []string{
		"x", "!!!", base64.RawURLEncoding.EncodeToString([]byte("{}")), base64.RawURLEncoding.EncodeToString([]byte(`{"l":"byCreation=R","k":{"pk":"a"}}`)),
		base64.RawURLEncoding.EncodeToString([]byte(`{"l":"log=` + id + `","k":{"pk":"LOG#other","sk":"1","seen":"1"}}`)),
		base64.RawURLEncoding.EncodeToString([]byte(`{"l":"CR#CHG-0","k":{"pk":"CR#CHG-1","sk":"T#1"}}`)),
		base64.RawURLEncoding.EncodeToString([]byte(`{"l":"byRequester=ben@example.com","k":{"requesterKey":"ben@example.com","pk":"","sk":"M","createdAt":"x"}}`)),
	}
	for name, list := range lists {
		bad := slices.Clone(forged)
		if cursors[name] != "" {
			bad = append(bad, forgeries(t, cursors[name])...)
		}
		for other, cursor := range cursors {
			if other != name && cursor != "" {
				bad = append(bad, cursor)
			}
		}
		for _, cursor := range bad {
			if _, _, err := list.page(cursor); !release.HasCode(err, "invalid-cursor") {
				t.Errorf("%s: the cursor %q is answered %v, want invalid-cursor", name, cursor, err)
			}
		}
	}
}

func TestCursor_ForgedForReleases_InvalidCursor(t *testing.T) {
	l := newHarness(t)
	for range 3 {
		l.release()
	}
	for _, status := range []release.Status{"", release.Planned} {
		_, next, err := l.ListReleases(l.ctx, status, 1, "")
		l.no(err)
		if _, _, err := l.ListReleases(l.ctx, status, 1, next); err != nil {
			t.Errorf("the list's own cursor is refused: %v", err)
		}
		for _, cursor := range forgeries(t, next) {
			if _, _, err := l.ListReleases(l.ctx, status, 1, cursor); !release.HasCode(err, "invalid-cursor") {
				t.Errorf("the cursor %q is answered %v, want invalid-cursor", cursor, err)
			}
		}
	}
}

// forgeries makes cursors out of a real one that the API never gives out: with keys that DynamoDB
// would refuse or that no item of the list can have, and other encodings of the same.
func forgeries(t *testing.T, cursor string) []string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		t.Fatal(err)
	}
	seal := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	all := []string{
		seal(string(raw) + " "), seal(" " + string(raw)), seal(strings.Replace(string(raw), `"l"`, `"L"`, 1)), seal(strings.Replace(string(raw), `"l"`, `"x":1,"l"`, 1)),
		seal(strings.Replace(string(raw), `"k":{`, `"k":{"pk":"a",`, 1)), cursor + "=", cursor + "\n", cursor[:len(cursor)-1], seal(string(raw) + string(raw)),
	}
	var body struct {
		List string            `json:"l"`
		Key  map[string]string `json:"k"`
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		t.Fatal(err)
	}
	// The log's cursor also has "seen", which is no key: it counts the notes on the pages before.
	for name, valid := range body.Key {
		for _, value := range []any{
			"", " ", "-", "x", "M", "T#", "REL#", "CR#", "TASK#", "\x00", strings.Repeat("9", 1025), strings.Repeat("T#9", 600),
			nil, 7, true,
			[]string{valid},
			map[string]string{"S": valid},
		} {
			if value == valid || value == "x" && name == "sk" && strings.HasPrefix(body.List, "log=") {
				continue // not a forgery, or an entry's key that cannot be told from a real one
			}
			key := map[string]any{}
			for n, v := range body.Key {
				key[n] = v
			}
			key[name] = value
			forged, err := json.Marshal(struct { // fields in the order of a real cursor
				List string         `json:"l"`
				Key  map[string]any `json:"k"`
			}{body.List, key})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, seal(string(forged)))
		}
	}
	return all
}

// FuzzCursor: whatever somebody sends as a cursor, the answer is a page or invalid-cursor.
func FuzzCursor(f *testing.F) {
	l := newHarness(f)
	for range 3 {
		l.release()
	}
	_, next, err := l.ListReleases(l.ctx, "", 1, "")
	l.no(err)
	f.Add(next)
	f.Add("")
	f.Add("e30")
	f.Fuzz(func(t *testing.T, cursor string) {
		if _, _, err := l.ListReleases(l.ctx, "", 2, cursor); err != nil && !release.HasCode(err, "invalid-cursor") {
			t.Errorf("the cursor %q is answered %v, want a page or invalid-cursor", cursor, err)
		}
	})
}
