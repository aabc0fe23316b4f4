package local

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/local/client"
	"example.com/releases/shared/local/tokens"
	"example.com/releases/shared/local/traffic"
	"example.com/releases/shared/testkit"
)

// asUser returns the run file by which programs reach a host.
func asUser(t *testing.T, h *Host) client.RunFile {
	t.Helper()
	f := client.RunFile{BaseURL: h.BaseURL, InboxURL: h.BaseURL + "/_local/inbox"}
	for role, token := range map[string]*string{"viewer": &f.Tokens.Viewer, "auditor": &f.Tokens.Auditor, "admin": &f.Tokens.Admin} {
		var err error
		if *token, err = h.Tokens.Mint(tokens.Holder{Role: role}); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// The checks that make kill and make load rest on notice what is lost, doubled or changed in
// the tables behind the product's back, and find nothing where nothing is.
func TestTraffic_TablesTamperedWith_IsNoticed(t *testing.T) {
	type row = map[string]types.AttributeValue
	tables := testkit.New(t, testkit.WithStreams)
	h, err := Start(t.Context(), Options{Endpoint: tables.Endpoint, Table: tables.Name, Period: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Stop)
	host := asUser(t, h)
	w := traffic.New(traffic.Options{Seed: 3, Tag: "t"})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	over := make(chan struct{})
	go func() {
		w.Run(ctx, 3, 1)
		close(over)
	}()
	w.Admit(host)
	deployed := func() bool {
		for _, s := range w.Releases() {
			if entered, _ := s.Entered(); len(entered) > 3 && entered[3] == "deployed" && s.ID() != "" {
				return true
			}
		}
		return false
	}
	for !deployed() && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	w.Finish()
	<-over
	if err := traffic.WaitIdle(ctx, host, "sweep", "seal-record"); err != nil {
		t.Fatal(err)
	}
	check := func() []string {
		w.Check(ctx, host, true, true)
		w.CheckNames(ctx, host)
		return w.Forget()
	}
	if wrong := check(); wrong != nil {
		t.Fatalf("wrong in %d releases and %d writes, before anything is tampered with:\n%s", len(w.Releases()), w.Acknowledged(), strings.Join(wrong, "\n"))
	}

	find := func(table string, is func(row) bool) row {
		t.Helper()
		name := tables.Name(table)
		pages := dynamodb.NewScanPaginator(tables.Client, &dynamodb.ScanInput{TableName: &name})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range page.Items {
				if is(i) {
					return i
				}
			}
		}
		t.Fatalf("%s has no such item", table)
		return nil
	}
	text := func(i row, name string) string {
		v, _ := i[name].(*types.AttributeValueMemberS)
		if v == nil {
			return ""
		}
		return v.Value
	}
	put := func(table string, i row) {
		t.Helper()
		name := tables.Name(table)
		if _, err := tables.Client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &name, Item: i}); err != nil {
			t.Fatal(err)
		}
	}
	remove := func(table string, i row) {
		t.Helper()
		name := tables.Name(table)
		if _, err := tables.Client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &name, Key: row{"pk": i["pk"], "sk": i["sk"]}}); err != nil {
			t.Fatal(err)
		}
	}
	note := func(i row) bool { return strings.HasPrefix(text(i, "pk"), "LOG#REL-") && text(i, "what") == "note" }
	transition := func(i row) bool {
		return strings.HasPrefix(text(i, "pk"), "LOG#REL-") && text(i, "what") == "transition"
	}
	resolved := func(i row) bool { return strings.HasPrefix(text(i, "pk"), "TASK#") && i["comments"] != nil }
	for _, c := range []struct {
		name, table string
		is          func(row) bool
		change      func(row) row // nil removes it
		want        string
	}{
		{"a note is lost", "ReleasesTable", note, nil, "was acknowledged and is not there"},
		{"a transition's entry is lost", "ReleasesTable", transition, nil, "was acknowledged and is not there"},
		{"a task is lost", "TasksTable", resolved, nil, "answers 404"},
		{"a comment is lost", "TasksTable", resolved, func(i row) row {
			i["comments"] = &types.AttributeValueMemberL{}
			return i
		}, "with the comments []"},
		{"a comment is there twice", "TasksTable", resolved, func(i row) row {
			all := i["comments"].(*types.AttributeValueMemberL).Value
			i["comments"] = &types.AttributeValueMemberL{Value: append(all[:len(all):len(all)], all[0])}
			return i
		}, "with the comments"},
	} {
		t.Run(c.name, func(t *testing.T) {
			was := find(c.table, c.is)
			if c.change == nil {
				remove(c.table, was)
			} else {
				put(c.table, c.change(maps.Clone(was)))
			}
			if wrong := check(); !strings.Contains(strings.Join(wrong, "\n"), c.want) {
				t.Errorf("found %q, want %q among it", wrong, c.want)
			}
			put(c.table, was)
		})
	}
	if wrong := check(); wrong != nil {
		t.Errorf("wrong with everything put back:\n%s", strings.Join(wrong, "\n"))
	}
}
