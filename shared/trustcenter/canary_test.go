package trustcenter_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit"
	"example.com/releases/shared/trustcenter"
)

// canaries fills every field of a value, however deep, with something that is found
// nowhere else: texts that begin with "canary", times in the 2030s, numbers that begin
// with 98765. A field that somebody adds one day is filled too.
type canaries struct {
	texts []string
	n     int
}

func (c *canaries) fill(v reflect.Value, path string) {
	c.n++
	if t, ok := v.Addr().Interface().(*time.Time); ok {
		*t = time.Date(2031+c.n%8, 7, 1+c.n%28, c.n%24, c.n%60, 33, 0, time.UTC)
		return
	}
	switch v.Kind() {
	case reflect.String:
		text := fmt.Sprintf("canary%d-%s", c.n, path[strings.LastIndexByte(path, '.')+1:])
		v.SetString(text)
		c.texts = append(c.texts, text)
	case reflect.Int:
		v.SetInt(int64(98765000 + c.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Struct:
		for i := range v.NumField() {
			c.fill(v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		c.fill(v.Elem(), path)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			text := fmt.Sprintf("canary%d-bytes", c.n)
			v.SetBytes([]byte(text))
			c.texts = append(c.texts, text, base64.StdEncoding.EncodeToString([]byte(text)))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		c.fill(v.Index(0), path)
	default:
		panic("a field of a kind that the test does not know: " + path)
	}
}

// A release whose every field holds a canary, with a change request, log entries and
// transitions that do, shows its name, version and summary in all four documents and
// not one of the others.
func TestTrustCenter_EveryOtherField_StaysHidden(t *testing.T) {
	store := testkit.New(t).Store
	ctx := context.Background()
	var c canaries
	// Stamps carry people, notes and requests; their second is a canary as well.
	stamp := func() dynamo.Write {
		var w dynamo.Write
		c.fill(reflect.ValueOf(&w.By).Elem(), "by")
		c.n++
		w.Request, w.At = fmt.Sprintf("canary%d-request", c.n), now.Add(time.Duration(c.n)*time.Minute).Truncate(time.Minute).Add(47*time.Second)
		c.texts = append(c.texts, w.Request)
		return w
	}

	var change release.Change
	c.fill(reflect.ValueOf(&change).Elem(), "change")
	change.ID, change.ChangeType, change.Status = "canary-change", release.Standard, release.ChangeOpen
	change.CABDecision, change.ApprovalStatus = release.DecisionApproved, release.ApprovalApproved
	change.ReleaseID, change.LastReleaseID, change.ReleaseEpoch, change.History = "", "", 0, nil
	_, err := store.CreateChange(ctx, change, stamp())
	check(t, err)

	var r release.Release
	c.fill(reflect.ValueOf(&r).Elem(), "release")
	r.Name, r.Version = "canary-N", "canary-V" // the drawing has room for these
	allowed := []string{r.Name, r.Version, r.PublicSummary}
	start, end := parseTime("2026-04-01T10:00:00Z"), parseTime("2026-04-01T11:00:00Z")
	r.Status, r.ScheduledStart, r.ScheduledEnd = release.Planned, &start, &end
	r.ChangeIDs, r.Unapproved, r.History, r.Settling, r.Linking, r.Deleting, r.WindowVersion = nil, nil, nil, nil, nil, false, 0
	// What the system stamps is public, but only as transitions stamp it.
	r.ActualStart, r.ActualEnd, r.RolledBackAt, r.PublicHistory = nil, nil, nil, nil
	r.Held, r.Holds = nil, nil // it would go nowhere; it is held further down
	detail, err := store.CreateRelease(ctx, r, []string{change.ID}, stamp())
	check(t, err)
	id := detail.Release.ID
	allowed = append(allowed, id)

	transition := func(to release.Status) {
		t.Helper()
		m := release.TransitionRequest{To: to}
		for _, text := range []*string{&m.Note, &m.Reason} {
			c.fill(reflect.ValueOf(text).Elem(), "move")
		}
		_, err := store.Transition(ctx, id, m, stamp())
		check(t, err)
	}
	h := trustcenter.Handler(store.Published, trustcenter.Options{
		On: true, Zone: "Europe/Berlin", PublicURL: "https://releases.example.com", Now: func() time.Time { return now },
	})
	transition(release.Approved)
	if body := get(t, h, "/trust-center.json").Body.String(); strings.Contains(body, id) {
		t.Errorf("approved, and to be seen: %s", body)
	}
	for _, status := range []release.Status{release.Scheduled, release.InProgress, release.Deployed, release.RolledBack} {
		transition(status)
		showsOnly(t, h, id, allowed, c.texts)
		if status == release.Deployed {
			var words string
			c.fill(reflect.ValueOf(&words).Elem(), "hold")
			_, err := store.PlaceHold(ctx, id, words, "", stamp())
			check(t, err)
			showsOnly(t, h, id, allowed, c.texts)
		}
		if status != release.Scheduled {
			continue
		}
		// An edit that moves the window, and with it everything that people write.
		w := stamp()
		_, err := store.UpdateRelease(ctx, id, func(r release.Release) (release.Release, release.LogEntry, error) {
			name, version, summary := r.Name, r.Version, r.PublicSummary
			c.fill(reflect.ValueOf(&r.Plan).Elem(), "edited")
			start, end := start.Add(time.Hour), end.Add(time.Hour)
			r.Name, r.Version, r.PublicSummary, r.ScheduledStart, r.ScheduledEnd = name, version, summary, &start, &end
			r.WindowVersion++
			r.Revision++
			return r, release.LogEntry{Kind: release.LogEdit}, nil
		}, w)
		check(t, err)
		showsOnly(t, h, id, allowed, c.texts)
	}
	for path := range paths {
		if body := get(t, h, strings.Replace(path, "/trust-center", "/trust-center/"+id, 1)).Body.String(); !strings.Contains(body, "Moved") && !strings.Contains(body, `"moved"`) {
			t.Errorf("%s does not tell of the move", path)
		}
	}
}

// showsOnly looks for what may be shown, and for what may not, in all four documents, and
// in those of the release.
func showsOnly(t *testing.T, h http.Handler, id string, allowed, planted []string) {
	t.Helper()
	var all []string
	for path := range paths {
		all = append(all, path, strings.Replace(path, "/trust-center", "/trust-center/"+id, 1))
	}
	for _, path := range all {
		body := get(t, h, path).Body.String()
		if strings.HasSuffix(path, ".ics") {
			body = strings.ReplaceAll(body, "\r\n ", "")
		}
		for _, text := range allowed {
			if !strings.Contains(body, text) {
				t.Errorf("%s does not show %s", path, text)
			}
			body = strings.ReplaceAll(body, text, "")
		}
		for _, text := range planted {
			if strings.Contains(body, text) {
				t.Errorf("%s shows %s", path, text)
			}
		}
		for _, part := range []string{"canary", "98765", ":47Z", "47Z\r\n", " 203", "\"203", ">203", ":203"} {
			if i := strings.Index(body, part); i >= 0 {
				t.Errorf("%s shows …%s…", path, body[max(0, i-40):min(len(body), i+60)])
			}
		}
	}
	if len(planted) < 30 {
		t.Fatalf("only %d canaries were planted", len(planted))
	}
}
