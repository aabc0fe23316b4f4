package calendar_test

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-ical"

	"example.com/releases/shared/calendar"
)

var window = calendar.Event{
	UID: "REL-2026-Q2-001@releases.example.com", Sequence: 2,
	Start:   time.Date(2026, 4, 7, 22, 0, 0, 0, time.FixedZone("", 7200)),
	End:     time.Date(2026, 4, 7, 23, 30, 0, 0, time.FixedZone("", 7200)),
	Changed: time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC),
	Title:   `Mail, calendar; and \ more`, Description: "First line\nsecond line", URL: "https://releases.example.com/trust-center/REL-2026-Q2-001",
}

// parse reads the object with somebody else's parser, and lets somebody else's encoder
// judge it: it refuses what lacks or repeats a property.
func parse(t *testing.T, text []byte) *ical.Calendar {
	t.Helper()
	c, err := ical.NewDecoder(bytes.NewReader(text)).Decode()
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if len(c.Children) > 0 {
		if err := ical.NewEncoder(&bytes.Buffer{}).Encode(c); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	}
	return c
}

func TestEvent(t *testing.T) {
	const want = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Releases//Releases//EN\r\nCALSCALE:GREGORIAN\r\nMETHOD:PUBLISH\r\n" +
		"BEGIN:VEVENT\r\nUID:REL-2026-Q2-001@releases.example.com\r\nSEQUENCE:2\r\nSTATUS:CONFIRMED\r\n" +
		"ORGANIZER;CN=\"Acme; 'Sons', München\":mailto:it%27s+releases@example.com\r\n" +
		"DTSTAMP:20260401T090000Z\r\nLAST-MODIFIED:20260401T090000Z\r\nDTSTART:20260407T200000Z\r\nDTEND:20260407T213000Z\r\n" +
		"SUMMARY:Mail\\, calendar\\; and \\\\ more\r\nDESCRIPTION:First line\\nsecond line\r\n" +
		"URL:https://releases.example.com/trust-center/REL-2026-Q2-001\r\nTRANSP:TRANSPARENT\r\nCLASS:PUBLIC\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
	got := calendar.Calendar{Organizer: calendar.Organizer{Name: `Acme; "Sons", München`, Address: "it's+releases@example.com"}, Events: []calendar.Event{window}}.Encode()
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	event := parse(t, got).Events()[0]
	if title, err := event.Props.Text("SUMMARY"); err != nil || title != window.Title {
		t.Errorf("the title reads %q (%v)", title, err)
	}
	if about, err := event.Props.Text("DESCRIPTION"); err != nil || about != window.Description {
		t.Errorf("the description reads %q (%v)", about, err)
	}
}

func TestCalendar_Cancellation_IsARevision(t *testing.T) {
	e := window
	e.Cancelled, e.Sequence = true, calendar.Sequence(2, 1)
	got := parse(t, calendar.Calendar{Events: []calendar.Event{e}}.Encode()).Events()[0]
	if s := got.Props.Get("STATUS").Value; s != "CANCELLED" {
		t.Errorf("the status is %s", s)
	}
	if n := got.Props.Get("SEQUENCE").Value; n != "3" {
		t.Errorf("the sequence is %s; that of the window was %d", n, calendar.Sequence(2, 0))
	}
	if uid := got.Props.Get("UID").Value; uid != window.UID {
		t.Errorf("the UID became %s", uid)
	}
}

// A feed is sent to nobody: it has no method, and nobody's address in it.
func TestCalendar_Feed_NoMethodAndNoOrganizer(t *testing.T) {
	got := string(calendar.Calendar{Name: "Planned work", Events: []calendar.Event{window}}.Encode())
	if strings.Contains(got, "METHOD") || strings.Contains(got, "ORGANIZER") {
		t.Errorf("it is\n%s", got)
	}
}

func TestUID(t *testing.T) {
	for publicURL, want := range map[string]string{
		"https://releases.example.com/live": "REL-1@releases.example.com",
		"http://127.0.0.1:3000":             "REL-1@127.0.0.1",
		"":                                  "REL-1@releases",
		"%":                                 "REL-1@releases",
	} {
		if got := calendar.UID("REL-1", publicURL); got != want {
			t.Errorf("at %q the UID is %s, want %s", publicURL, got, want)
		}
	}
}

// The grammar demands a component.
func TestCalendar_Empty_IsAnObject(t *testing.T) {
	c := parse(t, calendar.Calendar{Name: "Nothing", Refresh: time.Hour}.Encode())
	if len(c.Children) != 1 || len(c.Events()) != 0 {
		t.Errorf("it has %d components, %d of them events", len(c.Children), len(c.Events()))
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("A name", "two\nlines")
	f.Add(strings.Repeat("é", 80), strings.Repeat("漢", 300))
	f.Add("END:VCALENDAR\r\nBEGIN:VEVENT", "x\rY\x00\x7f\u2028")
	f.Add("\xff\xfe", `\n\,\;`)
	f.Fuzz(func(t *testing.T, title, description string) {
		e := window
		e.Title, e.Description = "."+title, description
		text := calendar.Calendar{Name: title, Organizer: calendar.Organizer{Name: title, Address: "releases@example.com"}, Events: []calendar.Event{e}}.Encode()
		if !utf8.Valid(text) || !bytes.HasSuffix(text, []byte("\r\n")) {
			t.Fatalf("not UTF-8 in lines:\n%q", text)
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(string(text), "\r\n"), "\r\n") {
			if len(line) > 75 || strings.ContainsAny(line, "\r\n\x00") || !utf8.ValidString(line) || line == "" {
				t.Fatalf("a line is %q (%d octets)", line, len(line))
			}
		}
		if n := len(parse(t, text).Events()); n != 1 {
			t.Fatalf("%d events", n)
		}
	})
}
