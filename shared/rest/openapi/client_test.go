package openapi_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"example.com/releases/shared/local"
	"example.com/releases/shared/local/engine"
	"example.com/releases/shared/local/tokens"
	"example.com/releases/shared/rest/openapi/testdata/client"
)

// system is the whole system with tables of its own.
func system(t *testing.T) *local.Host {
	t.Helper()
	endpoint, _, names := engine.FreshStreams(t)
	h, err := local.Start(t.Context(), local.Options{Endpoint: endpoint, Table: func(id string) string { return names[id] }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Stop)
	return h
}

// as is the generated client of somebody with a role.
func as(t *testing.T, h *local.Host, role string) *client.ClientWithResponses {
	t.Helper()
	token, err := h.Tokens.Mint(tokens.Holder{Role: role})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.NewClientWithResponses(h.BaseURL, client.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answered is what every answer of the generated client can tell.
type answered interface{ StatusCode() int }

func expect[A answered](t *testing.T, status int) func(A, error) A {
	return func(a A, err error) A {
		t.Helper()
		if err != nil || a.StatusCode() != status {
			t.Fatalf("%v, %d, want %d: %+v", err, a.StatusCode(), status, a)
		}
		return a
	}
}

// The main job, with nothing known of the API but its document.
func TestAGeneratedClientDoesTheMainJob(t *testing.T) {
	ctx, h := t.Context(), system(t)
	admin, viewer := as(t, h, "Admin"), as(t, h, "Viewer")

	standard := expect[*client.CreateChangeResponse](t, 201)(admin.CreateChangeWithResponse(ctx, nil, client.NewChangeRequest{ChangeType: "Standard"})).JSON201
	normal := expect[*client.CreateChangeResponse](t, 201)(admin.CreateChangeWithResponse(ctx, nil, client.NewChangeRequest{ChangeType: "Normal", Title: new("Mail gateway")})).JSON201
	task := expect[*client.CreateTaskResponse](t, 201)(admin.CreateTaskWithResponse(ctx, nil, client.NewTask{
		Title: "Mail is slow", RequesterEmail: "rita@example.com", ChangeRequestId: &normal.Id,
	})).JSON201

	start, end := time.Date(2027, 1, 9, 20, 0, 0, 0, time.UTC), time.Date(2027, 1, 9, 23, 0, 0, 0, time.UTC)
	key := "client-1"
	plan := client.NewRelease{Name: "Mail gateway 4.2", ScheduledStart: &start, ScheduledEnd: &end, LinkedChangeRequestIds: &[]string{normal.Id}}
	planned := expect[*client.CreateReleaseResponse](t, 201)(admin.CreateReleaseWithResponse(ctx, &client.CreateReleaseParams{IdempotencyKey: &key}, plan))
	again := expect[*client.CreateReleaseResponse](t, 201)(admin.CreateReleaseWithResponse(ctx, &client.CreateReleaseParams{IdempotencyKey: &key}, plan))
	id := planned.JSON201.Id
	if again.JSON201.Id != id || planned.HTTPResponse.Header.Get("Location") != "/api/releases/"+id {
		t.Errorf("%s, again %s, at %s", id, again.JSON201.Id, planned.HTTPResponse.Header.Get("Location"))
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
	if err := h.WaitIdle(ctx); err != nil {
		t.Fatal(err)
	}
	got := expect[*client.GetTaskResponse](t, 200)(viewer.GetTaskWithResponse(ctx, task.Id, nil)).JSON200
	if got.Status != "Resolved" || len(got.Comments) != 1 || got.LinkedRelease == nil || got.LinkedRelease.Badge != "Linked Release: "+id {
		t.Errorf("%+v", got)
	}

	reason := "Mail loops."
	expect[*client.TransitionReleaseResponse](t, 200)(admin.TransitionReleaseWithResponse(ctx, id, nil, client.StatusChange{Status: "rolled-back", RollbackReason: &reason}))
	if err := h.WaitIdle(ctx); err != nil {
		t.Fatal(err)
	}
	got = expect[*client.GetTaskResponse](t, 200)(viewer.GetTaskWithResponse(ctx, task.Id, nil)).JSON200
	if got.Status != "Open" || got.ReopenCount != 1 || got.Comments[1].Text != "Rollback: Mail loops." {
		t.Errorf("%+v", got)
	}
	whole := expect[*client.GetReleaseResponse](t, 200)(viewer.GetReleaseWithResponse(ctx, id, nil))
	if r := whole.JSON200; r.Name != "Mail gateway 4.3" || r.Settlement == nil || r.Settlement.State != "settled" || r.Settlement.Changes.Settled != 2 || len(*r.DeploymentLog) != 5 {
		t.Errorf("%+v", whole.JSON200)
	}
	tag := whole.HTTPResponse.Header.Get("ETag")
	expect[*client.GetReleaseResponse](t, 304)(viewer.GetReleaseWithResponse(ctx, id, &client.GetReleaseParams{IfNoneMatch: &tag}))
}
