package release

import (
	"strings"
	"testing"
	"time"
)

// wrong lists what is named as wrong, field by field.
func wrong(f ValidationErrors) string {
	var all []string
	for _, e := range f.Fields {
		all = append(all, e.Field+" "+e.Message)
	}
	return strings.Join(all, "; ")
}

func TestCheck_InvisibleText_NamedWithItsPlace(t *testing.T) {
	for _, c := range []struct{ name, description, want string }{
		{"Deploy the portal", "Two\r\nlines\tand a tab", ""},
		{"می\u200cخواهم", "क्\u200dष 👩\u200d💻", ""},
		{"\u200b", "", "name is required and must not be blank (at most 200 bytes)"},
		{"\u2800\u2800", "", "name is required and must not be blank (at most 200 bytes)"},
		{"\u3164", "", "name is required and must not be blank (at most 200 bytes)"},
		{"Port\u202eal", "", "name contains U+202E, a bidirectional control, as character 5; remove it"},
		{"Portal", "one\rtwo", "description contains U+000D, a control character, as character 4; remove it"},
		{"Portal\U000E0069\U000E0067", "\ufeffx", "name contains U+E0069, a tag character, as character 7; remove it; description contains U+FEFF, a character without width, as character 1; remove it"},
		{"a\nb", "", "name contains U+000A, a control character, as character 2; remove it"},
	} {
		var f ValidationErrors
		Plan{Name: c.name, Description: c.description}.Check(&f)
		if got := wrong(f); got != c.want {
			t.Errorf("%+q, %+q: %s, want %s", c.name, c.description, got, c.want)
		}
	}
	var f ValidationErrors
	TaskPlan{Title: "A title", RequesterName: "\u2800", RequesterEmail: "ann@example.com", Status: TaskOpen}.Check(&f)
	if got := wrong(f); got != "requesterName holds nothing that can be seen; leave it out" {
		t.Error(got)
	}
}

func TestCheck_AddressThatCannotBeMailed_Refused(t *testing.T) {
	for address, why := range map[string]string{
		"": "", "o'brien+it@example.com": "", "ann@münchen.example": "", strings.Repeat("a", 64) + "@example.com": "",
		"jürgen@example.de": "before the @", "ann@[127.0.0.1]": "IP address", "ann@-x.example": "hyphen", "ann@\u3000example.com": "white space",
		strings.Repeat("a", 65) + "@example.com": "65 bytes before the @", "ann@" + strings.Repeat("b", 260): "at most 254",
	} {
		var f ValidationErrors
		Plan{Name: "Portal", ReleaseManagerEmail: address, RolloutSteps: []Step{{Order: 1, Description: "Copy", OwnerEmail: address}}}.Check(&f)
		got := wrong(f)
		if why == "" && got != "" || why != "" && (strings.Count(got, why) != 2 || !strings.Contains(got, "rolloutSteps[0].ownerEmail")) {
			t.Errorf("%q: %s, want %q for manager and owner", address, got, why)
		}
	}
}

func TestCheck_ConfigurationItemsAsCMDBsHaveThem(t *testing.T) {
	for ci, ok := range map[string]bool{
		"component:default/x": true, "arn:aws:rds:eu-central-1:123456789012:db:portal": true, "{6F9619FF-8B86-D011-B42D-00C04FC964FF}": true,
		"/subscriptions/1/resourceGroups/My Group (1)": true, "Rechenzentrum München": true, strings.Repeat("x", 256): true,
		"": false, " ": false, "\u200b": false, " x": false, "x\u3000": false, "a\nb": false, "a\u202eb": false, strings.Repeat("x", 257): false, strings.Repeat("ü", 129): false,
	} {
		var f ValidationErrors
		ChangePlan{AffectedCIIDs: []string{"db-1", ci}}.Check(&f)
		if got := wrong(f); (got == "") != ok || !ok && !strings.HasPrefix(got, "affectedCiIds[1] ") {
			t.Errorf("%+q: %s", ci, got)
		}
	}
}

// What was stored when less was asked of it.
func oldRelease() Release {
	start := time.Date(1999, 12, 31, 22, 0, 0, 0, time.UTC)
	end := start.Add(-time.Hour)
	return Release{ID: "REL-1", Status: Planned, Revision: 3, Plan: Plan{
		Name: "Port\u202eal", ReleaseManager: "Jürgen", ReleaseManagerEmail: "jürgen@example.de", ScheduledStart: &start, ScheduledEnd: &end, Public: true,
		RolloutSteps: []Step{
			{Order: 1, Description: "Copy\u200b", OwnerEmail: "ann@[127.0.0.1]"}, {Order: 2, Description: "Switch", OwnerEmail: "bob@example.com"},
		},
		RollbackSteps: []Step{},
	}}
}

func TestEdit_JudgedByWhatItChanges(t *testing.T) {
	at := time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)
	good := at.Add(24 * time.Hour)
	for name, c := range map[string]struct {
		change func(*Plan)
		want   string // "" passes
	}{
		"another field":        {func(p *Plan) { p.Description = "New" }, ""},
		"the bad one, mended":  {func(p *Plan) { p.ReleaseManagerEmail = "juergen@example.de" }, ""},
		"the bad one, worse":   {func(p *Plan) { p.ReleaseManagerEmail = "Jürgen@example.de" }, "releaseManagerEmail"},
		"a new bad name":       {func(p *Plan) { p.Name = "Port\u202eale" }, "name"},
		"a name taken away":    {func(p *Plan) { p.Name = "" }, "name"},
		"one end":              {func(p *Plan) { p.ScheduledEnd = &good }, ""},
		"one end, other wrong": {func(p *Plan) { p.ScheduledStart = &good }, "scheduledEnd"},
		"steps in other places": {func(p *Plan) {
			p.RolloutSteps = []Step{{Order: 1, Description: "Switch"}, {Order: 5, Description: "Copy\u200b", OwnerEmail: "ann@[127.0.0.1]"}}
		}, ""},
		"a new step": {func(p *Plan) {
			p.RolloutSteps = append(p.RolloutSteps, Step{Order: 3, Description: "Look", OwnerEmail: "-@-"})
		}, "rolloutSteps[2].ownerEmail"},
		"an order twice": {func(p *Plan) { p.RolloutSteps = append(p.RolloutSteps, Step{Order: 2, Description: "Look"}) }, "rolloutSteps[2].order"},
	} {
		r := oldRelease()
		p := r.Plan
		p.RolloutSteps = append([]Step{}, p.RolloutSteps...)
		c.change(&p)
		_, _, err := r.Edit(p, []string{"description"}, at)
		var got []string
		if err != nil {
			for _, e := range err.(*Error).Fields { //nolint:errorlint // it is ours, as it is made
				got = append(got, e.Field)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	var f ValidationErrors
	change := ChangePlan{Title: "T\u202e", AffectedCIIDs: []string{"\u200b"}}
	edited := change
	edited.Description, edited.AffectedCIIDs = "New", []string{"\u200b", "{db}"}
	edited.CheckEdit(&f, change)
	task := TaskPlan{Title: "T\u202e", RequesterEmail: "jürgen@example.de", CIIDs: []string{"\u200b"}}
	moved := task
	moved.ChangeRequestID = "CHG-1"
	moved.CheckEdit(&f, task)
	if got := wrong(f); got != "" {
		t.Error(got)
	}
	moved.RequesterEmail, edited.AffectedCIIDs = "jörgen@example.de", []string{"\u200b", "\u200c"}
	moved.CheckEdit(&f, task)
	edited.CheckEdit(&f, change)
	if got := wrong(f); !strings.HasPrefix(got, "requesterEmail ") || !strings.Contains(got, "; affectedCiIds[1] ") {
		t.Error(got)
	}
}

func TestOwns_ByTheKeyOfPeople(t *testing.T) {
	for _, c := range []struct {
		mine, theirs string
		owns         bool
	}{
		{"kate@example.com", "KATE@Example.com", true},
		{"ann@münchen.example", "Ann@xn--mnchen-3ya.example", true},
		{"kate@example.com", "\u212aate@example.com", false},
		{"jesse@example.com", "je\u017fse@example.com", false},
		{"kate@example.com", "kate@example.org", false},
		{"", "", false},
	} {
		who := Caller{Person: Person{Subject: "s", Email: c.mine, EmailVerified: true}}
		if who.Owns(c.theirs) != c.owns {
			t.Errorf("%q owns %q: %t", c.mine, c.theirs, !c.owns)
		}
		if who.EmailVerified = false; who.Owns(c.theirs) {
			t.Errorf("%q owns %q without being verified", c.mine, c.theirs)
		}
	}
}

func TestReadiness_AddressThatCannotBeMailed_Named(t *testing.T) {
	r := oldRelease()
	r.Status = Deployed // whatever the status: mails go out after it too
	got := r.CheckReadiness(nil, time.Now(), &Touched{Unmailable: []string{"m\u202eax@example.de", "zoë@example.com"}}, 0)
	if len(got.Advice) != 1 || got.Advice[0].Code != "unmailable-addresses" {
		t.Fatalf("%+v", got.Advice)
	}
	for _, named := range []string{
		"jürgen@example.de (releaseManagerEmail: has 'ü'", "ann@[127.0.0.1] (owner of rollout step 1: ", "zoë@example.com (requester: ",
		"max@example.de (requester: contains U+202E, a bidirectional control",
	} {
		if !strings.Contains(got.Advice[0].Detail, named) {
			t.Errorf("%q is not in %q", named, got.Advice[0].Detail)
		}
	}
	var many []string
	for range 100 {
		many = append(many, "zoë@example.com")
	}
	if got := r.CheckReadiness(nil, time.Now(), &Touched{Unmailable: many}, 0); !strings.Contains(got.Advice[0].Detail, "; and 82 more. ") {
		t.Errorf("%q", got.Advice[0].Detail)
	}
	if got := r.CheckReadiness(nil, time.Now(), &Touched{Unmailable: many, AtLeast: true}, 0); !strings.Contains(got.Advice[0].Detail, "; and 82 more (of the first 10000 tasks). ") {
		t.Errorf("%q", got.Advice[0].Detail)
	}
}
