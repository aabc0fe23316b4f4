// Package client_test plays the main job with the client that a generator makes of the
// OpenAPI document. It knows nothing of the product but that document, an address and
// tokens: a module of its own, copied beside the generated client by the test that runs it.
package client_test

import (
	"context"
	"net/http"
	"os"
	"testing"
	"time"

	"client"
)

// as is the generated client of somebody with a role.
func as(t *testing.T, role string) *client.ClientWithResponses {
	t.Helper()
	address, token := os.Getenv("RELEASES_URL"), os.Getenv("RELEASES_TOKEN_"+role)
	if address == "" || token == "" {
		t.Fatal("TestGeneratedClient of shared/rest/openapi runs this, and says where and with which tokens")
	}
	c, err := client.NewClientWithResponses(address, client.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answer is what every answer of the generated client can tell.
type answer interface{ StatusCode() int }

func expect[A answer](t *testing.T, status int) func(A, error) A {
	return func(a A, err error) A {
		t.Helper()
		if err != nil || a.StatusCode() != status {
			t.Fatalf("%v, %d, want %d: %+v", err, a.StatusCode(), status, a)
		}
		return a
	}
}

// taskIn waits until settlement has brought a task to a status.
func taskIn(t *testing.T, viewer *client.ClientWithResponses, id, status string) *client.Task {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		task := expect[*client.GetTaskResponse](t, 200)(viewer.GetTaskWithResponse(t.Context(), id, nil)).JSON200
		if string(task.Status) == status {
			return task
		}
		if time.Now().After(deadline) {
			t.Fatalf("after a minute the task is not %s: %+v", status, task)
		}
	}
}

func TestClient_MainJob_Works(t *testing.T) {
	ctx := t.Context()
	admin, viewer := as(t, "ADMIN"), as(t, "VIEWER")

	standard := expect[*client.CreateChangeResponse](t, 201)(admin.CreateChangeWithResponse(ctx, nil, client.NewChangeRequest{ChangeType: "Standard"})).JSON201
	normal := expect[*client.CreateChangeResponse](t, 201)(admin.CreateChangeWithResponse(ctx, nil, client.NewChangeRequest{ChangeType: "Normal", Title: new("Mail gateway")})).JSON201
	task := expect[*client.CreateTaskResponse](t, 201)(admin.CreateTaskWithResponse(ctx, nil, client.NewTask{
		Title: "Mail is slow", RequesterEmail: "rita@example.com", ChangeRequestId: &normal.Id,
	})).JSON201

	start, end := time.Date(2027, 1, 9, 20, 0, 0, 0, time.UTC), time.Date(2027, 1, 9, 23, 0, 0, 0, time.UTC)
	key := "client-1"
	plan := client.NewRelease{Name: "Mail gateway 4.2", ScheduledStart: &start, ScheduledEnd: &end, LinkedChangeRequestIds: &[]string{normal.Id}}
	planned := expect[*client.CreateReleaseResponse](t, 201)(admin.CreateReleaseWithResponse(ctx, &client.CreateReleaseParams{IdempotencyKey: &key}, plan))
	repeated := expect[*client.CreateReleaseResponse](t, 201)(admin.CreateReleaseWithResponse(ctx, &client.CreateReleaseParams{IdempotencyKey: &key}, plan))
	id := planned.JSON201.Id
	if repeated.JSON201.Id != id || planned.HTTPResponse.Header.Get("Location") != "/api/releases/"+id {
		t.Errorf("%s, repeated %s, at %s", id, repeated.JSON201.Id, planned.HTTPResponse.Header.Get("Location"))
	}
	added := expect[*client.AddChangesResponse](t, 200)(admin.AddChangesWithResponse(ctx, id, nil, client.AddChanges{Add: &[]string{standard.Id}})).JSON200
	if len(added.Added) != 1 {
		t.Errorf("%+v", added)
	}

	refused := expect[*client.TransitionReleaseResponse](t, 409)(admin.TransitionReleaseWithResponse(ctx, id, nil, client.StatusChange{Status: "approved"})).ApplicationproblemJSON409
	if refused == nil || refused.Code != "cab-approval-missing" || refused.ChangeRequests == nil || len(*refused.ChangeRequests) != 1 || (*refused.ChangeRequests)[0] != normal.Id {
		t.Errorf("%+v", refused)
	}
	denied := expect[*client.TransitionReleaseResponse](t, 403)(viewer.TransitionReleaseWithResponse(ctx, id, nil, client.StatusChange{Status: "approved"})).ApplicationproblemJSON403
	if denied == nil || denied.Code != "forbidden" {
		t.Errorf("%+v", denied)
	}
	expect[*client.DecideChangeResponse](t, 200)(admin.DecideChangeWithResponse(ctx, normal.Id, nil, client.Decision{Decision: "approved"}))
	stale := `"1-0000000000000000"`
	expect[*client.UpdateReleaseResponse](t, 412)(admin.UpdateReleaseWithResponse(ctx, id, &client.UpdateReleaseParams{IfMatch: &stale}, client.ReleasePatch{Name: new("Another")}))
	expect[*client.UpdateReleaseResponse](t, 200)(admin.UpdateReleaseWithApplicationMergePatchPlusJSONBodyWithResponse(ctx, id, nil,
		client.ReleasePatch{Name: new("Mail gateway 4.3"), RollbackSteps: &[]client.NewStep{{Order: 1, Description: "Switch back"}}}))
	for _, status := range []client.StatusChangeStatus{"approved", "scheduled", "in-progress", "deployed"} {
		expect[*client.TransitionReleaseResponse](t, 200)(admin.TransitionReleaseWithResponse(ctx, id, nil, client.StatusChange{Status: status}))
	}
	resolved := taskIn(t, viewer, task.Id, "Resolved")
	if len(resolved.Comments) != 1 || resolved.LinkedRelease == nil || resolved.LinkedRelease.Badge != "Linked Release: "+id {
		t.Errorf("%+v", resolved)
	}

	reason := "Mail loops."
	expect[*client.TransitionReleaseResponse](t, 200)(admin.TransitionReleaseWithResponse(ctx, id, nil, client.StatusChange{Status: "rolled-back", RollbackReason: &reason}))
	reopened := taskIn(t, viewer, task.Id, "Open")
	if reopened.ReopenCount != 1 || reopened.Comments[1].Text != "Rollback: Mail loops." {
		t.Errorf("%+v", reopened)
	}
	got := settled(t, viewer, id)
	if r := got.JSON200; r.Name != "Mail gateway 4.3" || r.Settlement.Changes.Settled != 2 || entries(r, "transition") != 5 || entries(r, "created") != 1 || entries(r, "edit") != 1 {
		t.Errorf("%+v", got.JSON200)
	}
	tag := got.HTTPResponse.Header.Get("ETag")
	expect[*client.GetReleaseResponse](t, 304)(viewer.GetReleaseWithResponse(ctx, id, &client.GetReleaseParams{IfNoneMatch: &tag}))
}

// entries counts those of a kind in the log that comes with a release.
func entries(r *client.Release, kind client.LogEntryKind) int {
	n := 0
	for _, e := range *r.DeploymentLog {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// toldSettled tells whether the log has the end of the latest settlement.
func toldSettled(r *client.Release) bool {
	for _, e := range *r.DeploymentLog {
		if e.Settlement != nil && e.Settlement.Epoch == r.Settlement.Epoch {
			return true
		}
	}
	return false
}

// settled waits until the whole release is settled, and the log tells so.
func settled(t *testing.T, viewer *client.ClientWithResponses, id string) *client.GetReleaseResponse {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		got := expect[*client.GetReleaseResponse](t, 200)(viewer.GetReleaseWithResponse(t.Context(), id, nil))
		if s := got.JSON200.Settlement; s != nil && s.State == "settled" && toldSettled(got.JSON200) {
			return got
		}
		if time.Now().After(deadline) {
			t.Fatalf("after a minute the release is not settled: %+v", got.JSON200)
		}
	}
}
