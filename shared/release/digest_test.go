package release

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func timePointer(s string) *time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return &t
}

func fullChange() Change {
	return Change{ID: "CHG-1001", ChangeType: Normal, ChangePlan: ChangePlan{
		Title: "Replace the mail gateway", Description: "Line one\nLine two\twith \"quotes\", a \\ and </b>",
		ControlID: "A.8.20", ControlTitle: "Networks security", AffectedCIIDs: []string{"ci-mail-gw", "ci-a"},
		ScheduledStart: timePointer("2026-06-27T20:00:00Z"), ScheduledEnd: timePointer("2026-06-27T22:00:00Z"),
		Justification: "It is out of support.", Risk: RiskMedium, Impact: "Mail is late.", BackoutPlan: "Switch the MX record back.",
	}}
}

// The digests were computed with another language's JSON, normalisation and SHA-256: what
// others keep must match, this year and later.
func TestDigest_GoldenVectors(t *testing.T) {
	for name, test := range map[string]struct {
		change       Change
		text, digest string
	}{
		"nothing but its id": {
			Change{ID: "CHG-1", ChangeType: Normal},
			`{"changeType":"Normal","id":"CHG-1"}`,
			"v1:ae983045d9f85fd2c6e6e37cead89fb3ea216b67997961accf4433e41f7fc43d",
		},
		"all fields": {
			fullChange(),
			`{"affectedCiIds":["ci-a","ci-mail-gw"],"backoutPlan":"Switch the MX record back.","changeType":"Normal","controlId":"A.8.20","controlTitle":"Networks security",` +
				`"description":"Line one\nLine two\twith \"quotes\", a \\ and </b>","id":"CHG-1001","impact":"Mail is late.","justification":"It is out of support.","risk":"Medium",` +
				`"scheduledEnd":"2026-06-27T22:00:00Z","scheduledStart":"2026-06-27T20:00:00Z","title":"Replace the mail gateway"}`,
			"v1:e067f6eea346667dbc31ad24edfbf29540245ea7356715e69829773815c2f907",
		},
		"what encoders differ in": {
			Change{ID: "CHG-2", ChangeType: Emergency, ChangePlan: ChangePlan{
				Title: "Cafe\u0301 \u2028 \u00a0x \U0001F600 \x7f", AffectedCIIDs: []string{"\ue000", "\U0001F600", "z"},
			}},
			"{\"affectedCiIds\":[\"z\",\"\U0001F600\",\"\ue000\"],\"changeType\":\"Emergency\",\"id\":\"CHG-2\",\"title\":\"Caf\u00e9 \u2028 \u00a0x \U0001F600 \x7f\"}",
			"v1:6ad5f1f9f150bab5220d174d3df54b117119552ea3015f7b6c56f592fdc944fa",
		},
		"control characters of older rows": {
			Change{ID: "CHG-3", ChangeType: Normal, ChangePlan: ChangePlan{Title: "\x01a\b\f\r\x1fb"}},
			`{"changeType":"Normal","id":"CHG-3","title":"\u0001a\b\f\r\u001fb"}`,
			"v1:5ee380041eeb530ced0c745f3a67bb3d94f764981a85a9fa74769e0808bff944",
		},
	} {
		if text := string(test.change.DigestText()); text != test.text {
			t.Errorf("%s:\n%s\nwant\n%s", name, text, test.text)
		}
		if d := test.change.Digest(); d != test.digest {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// What says the same has the same digest, and what says something else another.
func TestDigest_Edits_SameOrAnother(t *testing.T) {
	elsewhere := time.FixedZone("", 2*60*60)
	for name, test := range map[string]struct {
		edit func(*Change)
		same bool
	}{
		"white space at both ends": {func(c *Change) { c.Title = "\t " + c.Title + "\u00a0\n"; c.Impact += "\r\n" }, true},
		"white space inside":       {func(c *Change) { c.Title = strings.Replace(c.Title, " ", "  ", 1) }, false},
		"upper and lower case":     {func(c *Change) { c.Title = strings.ToUpper(c.Title) }, false},
		"order of the items":       {func(c *Change) { slices.Reverse(c.AffectedCIIDs) }, true},
		"another time zone":        {func(c *Change) { in := c.ScheduledStart.In(elsewhere); c.ScheduledStart = &in }, true},
		"another time":             {func(c *Change) { c.ScheduledStart = timePointer("2026-06-27T20:00:01Z") }, false},
		"no time":                  {func(c *Change) { c.ScheduledStart = nil }, false},
		"a text taken back":        {func(c *Change) { c.BackoutPlan = "" }, false},
		"a text moved":             {func(c *Change) { c.Impact, c.Justification = c.Justification, c.Impact }, false},
		"another type":             {func(c *Change) { c.ChangeType = Standard }, false},
		"another id":               {func(c *Change) { c.ID = "CHG-1002" }, false},
		"a decision":               {func(c *Change) { *c, _ = c.Decide(DecisionApproved, "go", false, Stamp{}) }, true},
		"a release":                {func(c *Change) { c.ReleaseID, c.Status = "REL-2026-Q2-001", ChangeResolved }, true},
	} {
		c := fullChange()
		before := c.Digest()
		test.edit(&c)
		if same := c.Digest() == before; same != test.same {
			t.Errorf("%s: the same digest: %t", name, same)
		}
	}
	composed, decomposed := Change{ID: "C", ChangePlan: ChangePlan{Title: "\u00e9"}}, Change{ID: "C", ChangePlan: ChangePlan{Title: "e\u0301"}}
	if composed.Digest() != decomposed.Digest() {
		t.Error("two encodings of one character differ")
	}
	absent, blank := Change{ID: "C"}, Change{ID: "C", ChangePlan: ChangePlan{Title: " ", AffectedCIIDs: []string{}}}
	if absent.Digest() != blank.Digest() {
		t.Error("what is empty differs from what is absent")
	}
}

// Every field that people write is in the digest. The fields are read off the type: one
// that is added and forgotten here could be changed behind the CAB's back.
func TestDigest_EveryFieldOfThePlan_Counts(t *testing.T) {
	before := Change{}.Digest()
	for i := range reflect.TypeFor[ChangePlan]().NumField() {
		var c Change
		switch field := reflect.ValueOf(&c.ChangePlan).Elem().Field(i); field.Kind() {
		case reflect.String:
			field.SetString("x")
		case reflect.Slice:
			field.Set(reflect.ValueOf([]string{"x"}))
		case reflect.Pointer:
			field.Set(reflect.ValueOf(timePointer("2026-06-27T20:00:00Z")))
		default:
			t.Fatalf("say here what a %s can be", field.Type())
		}
		if c.Digest() == before {
			t.Errorf("%s is not in the digest", reflect.TypeFor[ChangePlan]().Field(i).Name)
		}
	}
}
