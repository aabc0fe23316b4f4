package operations

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/release"
)

func TestDecode_NotUnicode_SaysWhere(t *testing.T) {
	for body, hint := range map[string]string{
		"{\"name\":\"J\xfcrgen\"}":                    "UTF-8 at byte 11", // ISO 8859-1, as Windows shells send it
		"{\"name\":\"\xc3\"}":                         "UTF-8 at byte 10", // a character cut off
		"{\"name\":\"\xed\xa0\x80\"}":                 "UTF-8 at byte 10", // a surrogate written as UTF-8
		"{\"name\":\"\xc0\xaf\"}":                     "UTF-8 at byte 10", // an overlong slash
		"{\"\xff\":1}":                                "UTF-8 at byte 3",  // in a name
		"\xff\xfe{\x00}\x00":                          "UTF-16",
		"\xfe\xff\x00{\x00}":                          "UTF-16",
		"\x1f\x8b\x08\x00\x00":                        "gzip",
		`{"name":"\ud800"}`:                           `\ud800`,
		`{"name":"a\uDC00b"}`:                         `\udc00`,
		`{"name":"\ud83d\ud83d\ude00"}`:               `\ud83d`,
		`{"name":"\ud83dx"}`:                          `\ud83d`,
		`{"name":"\ud83d\n"}`:                         `\ud83d`,
		`{"name":"\ude00\ud83d"}`:                     `\ude00`,
		`{"\udfff":1}`:                                `\udfff`,
		`{"rolloutSteps":[{"description":"\ud800"}]}`: `\ud800`,
	} {
		_, err := Decode[CreateReleaseInput]([]byte(body))
		if !release.HasCode(err, "invalid-json") || !strings.Contains(err.Error(), hint) {
			t.Errorf("%q: %v", body, err)
		}
		if _, err := readPatch([]byte(body)); !release.HasCode(err, "invalid-json") {
			t.Errorf("%q as a patch: %v", body, err)
		}
	}
	for body, want := range map[string]string{
		`{"name":"\ud83d\ude00"}`:   "😀",
		`{"name":"\uD83D\uDE00x"}`:  "😀x",
		"{\"name\":\"\ufffd\"}":     "\ufffd", // somebody may write it
		`{"name":"\ufffd"}`:         "\ufffd",
		`{"name":"\\\\ud800"}`:      `\\ud800`, // a backslash and letters
		`{"name":"\\ud800"}`:        `\ud800`,
		`{"name":"J\u00fcrgen"}`:    "Jürgen",
		"{\"name\":\"\U0010FFFF\"}": "\U0010FFFF",
	} {
		in, err := Decode[CreateReleaseInput]([]byte(body))
		if err != nil || in.Name != want {
			t.Errorf("%s: %q, %v", body, in.Name, err)
		}
	}
}

func TestDecode_RepeatedName_IsNamedAtEveryDepth(t *testing.T) {
	for body, want := range map[string][]string{
		`{"name":"a","name":"b"}`:                                    {"name"},
		`{"name":"a","n\u0061me":"b"}`:                               {"name"},
		`{"name":"a","name":"a"}`:                                    {"name"},
		`{"name":"a","name":null,"name":"c"}`:                        {"name", "name"},
		`{"rolloutSteps":[{"order":1},{"order":2,"order":3}]}`:       {"rolloutSteps[1].order"},
		`{"rolloutSteps":[],"rolloutSteps":[{"order":1,"order":1}]}`: {"rolloutSteps", "rolloutSteps[0].order"},
		`{"unknown":{"a":{"b":1,"b":2}}}`:                            {"unknown.a.b"},
		`{"unknown":[[{"a":1,"a":1e999}]]}`:                          {"unknown[0][0].a"},
		`{"":1,"":2}`:                                                {""},
		`{"name":"a","Name":"b"}`:                                    {"Name"}, // another name, which is unknown
		`{"name":"a"}`:                                               {},
		`{"rolloutSteps":[{"order":1,"description":"x"},{"order":2,"description":"x"}]}`: {},
	} {
		in, err := Decode[CreateReleaseInput]([]byte(body))
		if err == nil {
			err = in.err(release.ValidationErrors{})
		}
		if got := named(err); !slices.Equal(got, want) {
			t.Errorf("%s: named %q, want %q (%v)", body, got, want, err)
		}
	}
	if _, err := readPatch([]byte(`{"title":"a","title":"b"}`)); !release.HasCode(err, "invalid-request") || named(err)[0] != "title" {
		t.Errorf("a patch: %v", err)
	}
	// What is deep, or many, does not make the answer long.
	deep := strings.Repeat(`{"a":`, 5000) + `{"b":1,"b":2}` + strings.Repeat("}", 5000)
	if got := Repeated([]byte(deep)); len(got) != 1 || got[0] != "…."+strings.Repeat("a.", 9)+"b" {
		t.Errorf("deep: %.200q", got)
	}
	if got := Repeated([]byte("{" + strings.Repeat(`"a":1,`, 1000) + `"a":1}`)); len(got) != mostRepeated {
		t.Errorf("many: %d", len(got))
	}
}

func TestParseTime_AsRFC3339Says(t *testing.T) {
	for s, want := range map[string]string{
		"2026-06-30T22:00:00Z":            "2026-06-30T22:00:00Z",
		"2026-06-30t22:00:00z":            "2026-06-30T22:00:00Z",
		"2026-07-01T00:00:00+02:00":       "2026-06-30T22:00:00Z",
		"2026-06-30T22:00:00-00:00":       "2026-06-30T22:00:00Z",
		"2026-06-30T22:00:00+23:59":       "2026-06-29T22:01:00Z",
		"2026-06-30T22:00:00.5Z":          "2026-06-30T22:00:00.5Z",
		"2026-06-30T22:00:00.123456789Z":  "2026-06-30T22:00:00.123456789Z",
		"2026-06-30T22:00:00.1234567891Z": "2026-06-30T22:00:00.123456789Z",
		"2024-02-29T00:00:00Z":            "2024-02-29T00:00:00Z",
		// Leap seconds: at the end of June and December, wherever the clock hangs.
		"2016-12-31T23:59:60Z":      "2017-01-01T00:00:00Z",
		"1990-12-31T15:59:60-08:00": "1991-01-01T00:00:00Z",
		"2026-06-30T23:59:60Z":      "2026-07-01T00:00:00Z",
		"2027-01-01T00:59:60+01:00": "2027-01-01T00:00:00Z",
		"2016-12-31t23:59:60.25z":   "2017-01-01T00:00:00.25Z",
	} {
		got, err := parseTime(s)
		if err != nil || got.Format(time.RFC3339Nano) != want || got.Location() != time.UTC {
			t.Errorf("%s: %v, %v; want %s", s, got, err, want)
		}
	}
	for _, s := range []string{
		"", "2026-06-30", "2026-06-30T2:00:00Z", "2026-06-30T22:00:00,5Z", "2026-06-30T22:00:00.Z", "2026-06-30T22:00:00.5", "2026-06-30T22:00:00",
		"2026-06-30 22:00:00Z", "2026-06-30T22:00Z", "2026-6-30T22:00:00Z", "26-06-30T22:00:00Z", "+2026-06-30T22:00:00Z", "2026-06-31T22:00:00Z", "2026-02-29T22:00:00Z",
		"2026-13-01T22:00:00Z", "2026-06-00T22:00:00Z", "2026-06-30T24:00:00Z", "2026-06-30T22:60:00Z", "2026-06-30T22:00:61Z", "2026-06-30T22:00:00+24:00",
		"2026-06-30T22:00:00+02:60", "2026-06-30T22:00:00+2:00", "2026-06-30T22:00:00+0200", "2026-06-30T22:00:00+02", "2026-06-30T22:00:00ZZ", "2026-06-30T22:00:00Z ", " 2026-06-30T22:00:00Z",
		"2026-06-30T22:00:00.5,5Z", "2026-06-30T22:00:00.٣Z", "٢026-06-30T22:00:00Z", "2026-06-30T22:00:00−02:00",
		"2026-06-30T22:00:60Z", "2026-06-29T23:59:60Z", "2026-03-31T23:59:60Z", "2026-12-31T23:58:60Z", "2026-12-31T23:59:60+01:00", "2026-12-31T22:59:60Z",
	} {
		if got, err := parseTime(s); !errors.Is(err, errNoTime) {
			t.Errorf("%q is taken for %v", s, got)
		}
	}
}

// FuzzParseTime: whatever is taken is what Go's parser makes of it, and is written again as
// it was meant.
func FuzzParseTime(f *testing.F) {
	for _, seed := range []string{"2026-06-30T22:00:00Z", "2016-12-31T23:59:60Z", "2026-06-30t22:00:00.5+02:00", "2026-06-30T2:00:00Z"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseTime(s)
		if err != nil || s[17:19] == "60" {
			return
		}
		want, err := time.Parse(time.RFC3339, strings.ToUpper(s))
		if err != nil || !want.Equal(got) {
			t.Errorf("%q: %v, Go says %v %v", s, got, want, err)
		}
	})
}

func TestDecodeParameters_NotUTF8_IsNamed(t *testing.T) {
	for _, values := range []map[string][]string{{"ciId": {"\xfc"}}, {"ciId": {"ci-\xed\xa0\x80"}}} {
		in, err := DecodeParameters[ListTasksInput](values)
		if err == nil {
			err = in.DecodeErrors.err(release.ValidationErrors{})
		}
		if got := named(err); !slices.Equal(got, []string{"ciId"}) {
			t.Errorf("%v: %v", values, err)
		}
	}
	in, err := DecodeParameters[ListReleasesInput](map[string][]string{"st\xfctus": {"planned"}})
	if err == nil {
		err = in.err(release.ValidationErrors{})
	}
	if got := named(err); !slices.Equal(got, []string{"st\ufffdtus"}) && !slices.Equal(got, []string{"st\ufffdctus"}) {
		t.Errorf("a name: %q", got)
	}
}
