package mcptools

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

const (
	// MaxArguments bounds a call's arguments in bytes, like a REST body.
	MaxArguments = 256 << 10
	// DefaultLogLimit is how many log entries get_release answers with by default.
	DefaultLogLimit = 20
	// MaxLogLimit bounds logLimit: 500 entries would exceed what a Lambda function may answer.
	MaxLogLimit = 100
	// MaxKey bounds an idempotencyKey, like REST's Idempotency-Key.
	MaxKey = 255
)

// toolTimeout is how long a tool may take. Under the older protocol revisions the function's
// own deadline does not reach a tool, and the answer must be sent before it. Tests set it
// shorter.
var toolTimeout = 10 * time.Second

// tool is one row of the table of tools: its name, its toolset, its operation, and how it
// is run.
type tool struct {
	name      string
	set       string
	operation operations.Name
	writes    bool
	run       func(ctx context.Context, t tool, ops *operations.Operations, args []byte) (any, error)
}

var tools = []tool{
	{"list_releases", setCore, operations.ListReleases, false, listReleases},
	{"get_release", setCore, operations.GetRelease, false, getRelease},
	{"create_release", setCore, operations.CreateRelease, true, createRelease},
	{"append_release_log", setCore, operations.AppendLog, true, appendLog},
	{"transition_release_status", setCore, operations.TransitionRelease, true, transition},
	{"update_release", setPlanning, operations.UpdateRelease, true, updateRelease},
	{"add_changes", setPlanning, operations.AddChanges, true, addChanges},
	{"list_change_requests", setPlanning, operations.ListChanges, false, listChanges},
	{"complete_step", setExecution, operations.CompleteStep, true, completeStep},
}

func find(name string) (tool, bool) {
	for _, t := range tools {
		if t.name == name {
			return t, true
		}
	}
	return tool{}, false
}

// The arguments: what the operation takes, which release it is about, and what REST
// takes in headers.
type (
	getArgs struct {
		ID        string `json:"id"`
		Detail    string `json:"detail"`
		LogLimit  *int   `json:"logLimit"`
		LogCursor string `json:"logCursor"`
	}
	createArgs struct {
		operations.CreateReleaseInput
		Key string `json:"idempotencyKey"`
	}
	appendArgs struct {
		ID string `json:"id"`
		operations.AppendLogInput
		IfRevision *int   `json:"ifRevision"`
		Key        string `json:"idempotencyKey"`
	}
	transitionArgs struct {
		ID string `json:"id"`
		operations.TransitionInput
		IfRevision *int   `json:"ifRevision"`
		Key        string `json:"idempotencyKey"`
	}
)

// call runs the tool. It always answers: a panic here would end the process, since the
// SDK runs calls in goroutines of their own.
func (t tool) call(ctx context.Context, ops *operations.Operations, args []byte) (result *mcp.CallToolResult) {
	ctx, cancel := context.WithTimeout(ctx, toolTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			slog.ErrorContext(ctx, "tool panicked", "tool", t.name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			result = refuse(t.explain(ctx, ops, "", fmt.Errorf("panic: %v", p)))
		}
	}()
	if !toolsetsFrom(ctx).holds(t) {
		return refuse(t.notOffered(ctx))
	}
	if args = bytes.TrimSpace(args); len(args) == 0 || string(args) == "null" {
		args = []byte("{}")
	}
	value, err := t.attempt(ctx, ops, args)
	if err != nil {
		return refuse(t.explain(ctx, ops, idOf(args), err))
	}
	return accept(encode(value))
}

// accept answers with the value, and with a copy of it as text for clients that do not know
// structured content, unless both together exceed what a Lambda function can answer.
func accept(body []byte) *mcp.CallToolResult {
	text := string(body)
	if !fits(body) {
		text = "The answer is in structuredContent only: with a copy of it here it would be too large. A smaller logLimit brings both."
	}
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}, StructuredContent: json.RawMessage(body)}
}

// maxEnvelope is what a Lambda function may answer with, less the envelope around it.
const maxEnvelope = 6<<20 - 8<<10

// fits tells whether a value and its copy as text fit into one answer. Each is escaped as
// JSON for HTML, and all of it once more in the envelope for API Gateway: a "<" takes
// fourteen bytes in the end, so a small value fits in any case.
func fits(body []byte) bool {
	if len(body) < maxEnvelope/14 {
		return true
	}
	var structured bytes.Buffer
	json.HTMLEscape(&structured, body)
	copied := quote(string(body))
	return len(quote(structured.String()+copied)) < maxEnvelope
}

func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic("mcptools: " + err.Error()) // a text always encodes
	}
	return string(quoted)
}

func (t tool) attempt(ctx context.Context, ops *operations.Operations, args []byte) (any, error) {
	if err := operations.Admit(ctx, t.operation); err != nil {
		return nil, err
	}
	if len(args) > MaxArguments {
		return nil, release.Fail(release.KindTooLarge, "too-large", "The arguments are larger than %d KiB.", MaxArguments>>10)
	}
	return t.run(ctx, t, ops, args)
}

func refuse(text string) *mcp.CallToolResult {
	return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: text}}}
}

func listReleases(ctx context.Context, _ tool, ops *operations.Operations, args []byte) (any, error) {
	in, err := operations.Decode[operations.ListReleasesInput](args)
	if err != nil {
		return nil, err
	}
	return ops.ListReleases(ctx, in)
}

func getRelease(ctx context.Context, _ tool, ops *operations.Operations, args []byte) (any, error) {
	in, err := operations.Decode[getArgs](args)
	if err != nil {
		return nil, err
	}
	var f release.ValidationErrors
	checkID(&f, in.ID)
	release.OneOf(&f, "detail", in.Detail, details, false)
	in.Detail = strings.ToLower(in.Detail)
	limit := DefaultLogLimit
	if in.LogLimit != nil {
		if limit = *in.LogLimit; limit < 0 || limit > MaxLogLimit {
			f.Add("logLimit", "must be a number from 0 to %d", MaxLogLimit)
		}
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	return readRelease(ctx, ops, in, limit)
}

func createRelease(ctx context.Context, t tool, ops *operations.Operations, args []byte) (any, error) {
	in, err := operations.Decode[createArgs](args)
	if err != nil {
		return nil, err
	}
	var f release.ValidationErrors
	pre := precondition(ctx, &f, t, "", in.Key, in.CreateReleaseInput)
	if err := in.With(f); err != nil {
		return nil, err
	}
	return ops.CreateRelease(ctx, in.CreateReleaseInput, pre)
}

func appendLog(ctx context.Context, t tool, ops *operations.Operations, args []byte) (any, error) {
	in, err := operations.Decode[appendArgs](args)
	if err != nil {
		return nil, err
	}
	pre, err := guarded(ctx, t, in.ID, in.Key, in.IfRevision, in.AppendLogInput)
	if err != nil {
		return nil, err
	}
	return ops.AppendLog(ctx, in.ID, in.AppendLogInput, pre)
}

func transition(ctx context.Context, t tool, ops *operations.Operations, args []byte) (any, error) {
	in, err := operations.Decode[transitionArgs](args)
	if err != nil {
		return nil, err
	}
	pre, err := guarded(ctx, t, in.ID, in.Key, in.IfRevision, in.TransitionInput)
	if err != nil {
		return nil, err
	}
	return ops.TransitionRelease(ctx, in.ID, in.TransitionInput, pre)
}

// guarded is the precondition of a write to a release, or an error with every mistake in
// the arguments, including those found by decoding.
func guarded(ctx context.Context, t tool, id, key string, ifRevision *int, in interface {
	With(release.ValidationErrors) error
},
) (operations.Precondition, error) {
	var f release.ValidationErrors
	checkID(&f, id)
	pre := precondition(ctx, &f, t, id, key, in)
	pre.IfRevision = revision(&f, ifRevision)
	return pre, in.With(f)
}

func checkID(f *release.ValidationErrors, id string) {
	if id == "" {
		f.Add("id", "is required: a release's id such as REL-2026-Q2-001; list_releases shows what there is")
		return
	}
	f.Identifier("id", id)
}

func revision(f *release.ValidationErrors, given *int) int {
	if given == nil {
		return 0
	}
	if *given < 1 {
		f.Add("ifRevision", "must be the revision that get_release showed, 1 or more")
	}
	return *given
}

// precondition turns a key that an agent chose into one that is unique to the caller, the
// tool and the release. The digest is over the decoded arguments, so that the order in
// which a model writes them does not matter.
func precondition(ctx context.Context, f *release.ValidationErrors, t tool, id, key string, in any) operations.Precondition {
	if key == "" {
		return operations.Precondition{}
	}
	if len(key) > MaxKey || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		f.Add("idempotencyKey", "must be 1 to %d visible ASCII characters without spaces, such as a UUID", MaxKey)
	}
	who, _ := release.CallerFrom(ctx)
	h := sha256.New()
	for _, part := range []string{who.Subject, "mcp", t.name, id, key} {
		_, _ = h.Write([]byte(strconv.Itoa(len(part)) + ":" + part)) // a hash takes everything
	}
	digest := sha256.Sum256(encode(in))
	return operations.Precondition{IdempotencyKey: &operations.IdempotencyKey{Key: hex.EncodeToString(h.Sum(nil)), Body: hex.EncodeToString(digest[:])}}
}

// idOf is the release that arguments are about, where they name one.
func idOf(args []byte) string {
	var named struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(args, &named) // arguments that cannot be read name no release
	return named.ID
}

// encode writes JSON without escapes for HTML.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("mcptools: " + err.Error()) // views and texts always encode
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
