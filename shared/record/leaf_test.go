package record

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"example.com/releases/shared/release"
)

func leaf() Leaf {
	return Leaf{
		Of: "REL-2026-Q2-001", K: 3, Key: "e0001.000000000002.00000042.scope/CHG-<7>", Kind: release.LogScope,
		SealedAt: time.Date(2026, 11, 26, 19, 45, 0, 5e6, time.FixedZone("", 3600)), Sum: SumOf("abc"),
	}
}

// A leaf's bytes must never change: a leaf that was sealed once has to be the same years later.
func TestLeaf_Bytes_AreForGood(t *testing.T) {
	const golden = `{"v":1,"of":"REL-2026-Q2-001","k":3,"key":"e0001.000000000002.00000042.scope/CHG-<7>","kind":"scope",` +
		`"sealedAt":"2026-11-26T18:45:00.005Z","sha256":"ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0"}`
	if got := string(leaf().Bytes()); got != golden {
		t.Errorf("%s\nwant %s", got, golden)
	}
	takenOver := leaf()
	takenOver.TakenOver = true
	if got, want := string(takenOver.Bytes()), strings.TrimSuffix(golden, "}")+`,"takenOver":true}`; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	// SHA-256 of a zero byte and the leaf: RFC 6962, 2.1.
	const hash = "3a4fd7ca44a6e8a030f7d50d8165b49b15cd3ec5ff90e7ad8023e6136677726f"
	if got := leaf().Hash(); hex.EncodeToString(got[:]) != hash {
		t.Errorf("%x, want %s", got, hash)
	}
}

func TestParseLeaf_OnlyItsOwnForm(t *testing.T) {
	for _, want := range []Leaf{leaf(), {Of: "CHG-1", K: 1, Key: "0000000001", Kind: release.LogCreated, SealedAt: time.Unix(0, 0), Sum: SumOf(""), TakenOver: true}} {
		got, err := ParseLeaf(want.Bytes())
		if err != nil || !got.SealedAt.Equal(want.SealedAt) || string(got.Bytes()) != string(want.Bytes()) {
			t.Errorf("%+v, %v\nwant %+v", got, err, want)
		}
	}
	text := string(leaf().Bytes())
	for _, other := range []string{
		"", "{}", "[]", text + "\n", " " + text, strings.Replace(text, `"v":1`, `"v":2`, 1), strings.Replace(text, `"k":3`, `"k": 3`, 1),
		strings.Replace(text, `"k":3`, `"k":3,"x":1`, 1), strings.Replace(text, "<", `\u003c`, 1), strings.Replace(text, "T18", " 18", 1),
	} {
		if _, err := ParseLeaf([]byte(other)); err == nil {
			t.Errorf("%q was parsed, want an error", other)
		}
	}
}

func checkpoint() Checkpoint {
	return Checkpoint{Origin: Origin{Installation: "ABC234", Generation: 2}, Size: 17, Root: tlog.RecordHash([]byte("root"))}
}

func TestCheckpoint_Text_IsForGood(t *testing.T) {
	c := checkpoint()
	want := "releases-record/ABC234/2\n17\n" + base64.StdEncoding.EncodeToString(c.Root[:]) + "\n"
	if got := c.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, text := range []string{want, want + "\n— somebody signed it\n"} {
		if got, err := ParseCheckpoint(text); err != nil || got != c {
			t.Errorf("%q is parsed as %+v, want %+v: %v", text, got, c, err)
		}
	}
}

func TestParseCheckpoint_AnythingElse_IsNamed(t *testing.T) {
	text := checkpoint().String()
	for _, c := range []struct{ from, to, names string }{
		{text, "", "three lines"},
		{text, strings.TrimSuffix(text, "\n"), "three lines"},
		{"releases-record/", "go.sum/", "origin"},
		{"/2\n", "/0\n", "origin"},
		{"/2\n", "/02\n", "origin"},
		{"ABC234", "", "origin"},
		{"\n17\n", "\n017\n", "size"},
		{"\n17\n", "\n-1\n", "size"},
		{"=\n", "\n", "root"},
	} {
		if _, err := ParseCheckpoint(strings.Replace(text, c.from, c.to, 1)); err == nil || !strings.Contains(err.Error(), c.names) {
			t.Errorf("%q in place of %q: %v, want one that names the %s", c.to, c.from, err, c.names)
		}
	}
}

func TestGenerationLeaf_Bytes_AreForGood(t *testing.T) {
	want := `{"v":1,"generation":3,"last":"releases-record/ABC234/2\n17\n` + checkpoint().Root.String() + `\n"}`
	if got := string(GenerationLeaf(3, checkpoint())); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
