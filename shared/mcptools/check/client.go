// Command check is the Go client against the endpoint: check http|stdio VERSION PROGRAM.
// It must know nothing of the product: it sees what any client sees.
//
// VERSION is the protocol version that it asks for. The address and the token come from
// RELEASES_URL and RELEASES_TOKEN (an Admin's), PROGRAM is the built mcp-stdio.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

var names = []string{"list_releases", "get_release", "create_release", "append_release_log", "transition_release_status"}

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "check http|stdio VERSION PROGRAM")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	id, err := converse(ctx, os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("Go client, %s, %s: ok (%s)\n", os.Args[1], os.Args[2], id)
}

// bearer puts the access token on each request.
type bearer struct{ token string }

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return http.DefaultTransport.RoundTrip(r)
}

func transport(ctx context.Context, way, program string) mcp.Transport {
	if way == "stdio" {
		return &mcp.CommandTransport{Command: exec.CommandContext(ctx, program)} // which has this program's environment
	}
	return &mcp.StreamableClientTransport{
		Endpoint:   os.Getenv("RELEASES_URL"),
		HTTPClient: &http.Client{Transport: bearer{os.Getenv("RELEASES_TOKEN")}},
	}
}

// converse does what an agent does, and returns the id of the release that it created.
func converse(ctx context.Context, way, version, program string) (string, error) {
	client := mcp.NewClient(&mcp.Implementation{Name: "mcp-check", Version: "1.0.0"}, nil)
	session, err := client.Connect(ctx, transport(ctx, way, program), &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	id, err := work(ctx, session, version)
	return id, errors.Join(err, session.Close())
}

func work(ctx context.Context, session *mcp.ClientSession, version string) (string, error) {
	if agreed := session.InitializeResult().ProtocolVersion; agreed != version {
		return "", fmt.Errorf("asked for %s and got %s", version, agreed)
	}
	if err := checkTools(ctx, session); err != nil {
		return "", err
	}
	plan := map[string]any{"name": "Checked by the Go client", "idempotencyKey": fmt.Sprintf("go-%d", time.Now().UnixNano()), "successCriteria": "1 % ✓ — «ok»"}
	created, err := call(ctx, session, "create_release", plan)
	if err != nil {
		return "", err
	}
	repeated, err := call(ctx, session, "create_release", plan)
	if err != nil {
		return "", err
	}
	if created.ID == "" || repeated.ID != created.ID {
		return "", fmt.Errorf("a repeated call created a second release: %q, %q", created.ID, repeated.ID)
	}
	if _, err := call(ctx, session, "get_release", map[string]any{"id": created.ID}); err != nil {
		return "", err
	}
	refused, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "transition_release_status", Arguments: map[string]any{"id": created.ID, "status": "deployed"}})
	if err != nil {
		return "", err
	}
	if !refused.IsError || !strings.HasPrefix(text(refused), "INVALID_TRANSITION: ") {
		return "", fmt.Errorf("not refused: %s", text(refused))
	}
	approved, err := call(ctx, session, "transition_release_status", map[string]any{"id": created.ID, "status": "approved", "ifRevision": 1})
	if err != nil {
		return "", err
	}
	if approved.Status != "approved" {
		return "", fmt.Errorf("the status is %q", approved.Status)
	}
	if _, err := call(ctx, session, "append_release_log", map[string]any{"id": created.ID, "text": "Written by the Go client."}); err != nil {
		return "", err
	}
	page, err := call(ctx, session, "list_releases", map[string]any{"limit": 1})
	if err != nil {
		return "", err
	}
	if len(page.Releases) != 1 {
		return "", fmt.Errorf("%d releases on a page of 1", len(page.Releases))
	}
	if _, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "drop_database"}); err == nil || !strings.Contains(err.Error(), "unknown tool") {
		return "", fmt.Errorf("an unknown tool: %w", err)
	}
	return created.ID, nil
}

func checkTools(ctx context.Context, session *mcp.ClientSession) error {
	listed, err := session.ListTools(ctx, nil)
	if err != nil {
		return fmt.Errorf("tools/list: %w", err)
	}
	var got []string
	for _, tool := range listed.Tools {
		got = append(got, tool.Name)
		if a := tool.Annotations; a == nil || a.DestructiveHint == nil || a.OpenWorldHint == nil || tool.OutputSchema == nil {
			return fmt.Errorf("%s does not state its hints and its output", tool.Name)
		}
	}
	if !slices.Equal(got, names) {
		return fmt.Errorf("the tools are %v", got)
	}
	return nil
}

// answer is what is looked at of what tools answer.
type answer struct {
	ID       string            `json:"id"`
	Status   string            `json:"status"`
	Releases []json.RawMessage `json:"releases"`
}

// call calls a tool that has to carry out what it is asked.
func call(ctx context.Context, session *mcp.ClientSession, name string, arguments map[string]any) (answer, error) {
	result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: name, Arguments: arguments})
	if err != nil {
		return answer{}, fmt.Errorf("%s: %w", name, err)
	}
	if result.IsError {
		return answer{}, fmt.Errorf("%s: %s", name, text(result))
	}
	structured, err := json.Marshal(result.StructuredContent)
	if err != nil {
		return answer{}, err
	}
	var a answer
	err = json.Unmarshal(structured, &a)
	return a, err
}

func text(result *mcp.CallToolResult) string {
	if len(result.Content) == 0 {
		return ""
	}
	content, _ := result.Content[0].(*mcp.TextContent)
	if content == nil {
		return ""
	}
	return content.Text
}
