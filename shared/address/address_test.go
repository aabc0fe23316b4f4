package address_test

import (
	"net/mail"
	"strings"
	"testing"
	"unicode/utf8"

	"example.com/releases/shared/address"
)

func TestASCII_WhatCanBeMailed(t *testing.T) {
	long := strings.Repeat("a", 64) + "@" + strings.Repeat(strings.Repeat("b", 60)+".", 3) + "exampl"
	if len(long) != 254 {
		t.Fatalf("the longest address has %d bytes", len(long))
	}
	for given, want := range map[string]string{
		"ann@example.com": "ann@example.com", "KATE@Example.COM": "KATE@example.com",
		"o'brien@example.com": "o'brien@example.com", "ann+it@example.com": "ann+it@example.com", "a.b-c_d@sub.example.co.uk": "a.b-c_d@sub.example.co.uk",
		"!#$%&'*+-/=?^_`{|}~@example.com": "!#$%&'*+-/=?^_`{|}~@example.com",
		"ann@münchen.example":             "ann@xn--mnchen-3ya.example", "ann@MÜNCHEN.example": "ann@xn--mnchen-3ya.example",
		"ann@mu\u0308nchen.example": "ann@xn--mnchen-3ya.example", "ann@xn--mnchen-3ya.example": "ann@xn--mnchen-3ya.example",
		"ann@faß.example": "ann@xn--fa-hia.example", "taro@例え.テスト": "taro@xn--r8jz45g.xn--zckzah",
		"ali@نامه\u200cای.example": "ali@xn--mgba3gch31f060k.example", "ann@क्\u200dष.example": "ann@xn--11b2ezcw70k.example",
		"ann@" + strings.Repeat("b", 63) + ".example": "ann@" + strings.Repeat("b", 63) + ".example", "ann@1and1.example": "ann@1and1.example", "ann@a--b.example": "ann@a--b.example",
		long: long,
	} {
		if got, err := address.ASCII(given); err != nil || got != want {
			t.Errorf("%q: %q %v, want %q", given, got, err, want)
		}
	}
}

func TestASCII_WhatCannotBeMailed(t *testing.T) {
	for given, why := range map[string]string{
		"jürgen@example.de": "'ü' before the @", "Ann <ann@example.com>": "U+0020", "ann": "not a plain", "@example.com": "not a plain", "ann@": "not a plain",
		"a@b@example.com": "not a plain", "ann@[127.0.0.1]": "IP address", "ann@[IPv6:::1]": "IP address", "ann@127.0.0.1": "does not end in a number",
		"ann@-x.example": "hyphen", "ann@x-.example": "hyphen", "ann@localhost": "has a dot", "ann@x..example": "between two dots", "ann@.example.com": "between two dots",
		"ann@example.com.": "at an end", "ann@a_b.example": "letters, digits and hyphens", "ann@exa mple.com": "U+0020", ".ann@example.com": "dot", "ann.@example.com": "dot",
		"a..b@example.com": "dot", `"ann"@example.com`: "no place", "ann(x)@example.com": "no place", "a,b@example.com": "no place",
		"ann\u3000@example.com": "U+3000", "ann@exam\u2003ple.com": "U+2003", "ann\u00a0@example.com": "U+00A0", "ann@example.com\n": "U+000A", "ann\u200b@example.com": "U+200B",
		"an\u200cn@example.com": "U+200C", "ann@exa\u200cmple.com": "internationalised", "ann@mün\u200bchen.example": "U+200B", "ann@mün\u00adchen.example": "U+00AD",
		"ann@mün\u2800chen.example": "U+2800", "ann@\u202eexample.com": "U+202E", "ann@\u212aelvin.example": "write it so", "ann@\uff45xample.com": "write it so",
		"\u212aate@example.com": "before the @", "ann@xn--a.example": "internationalised", "ann@example。com": "example",
		strings.Repeat("a", 65) + "@example.com":                                                   "65 bytes before the @",
		"ann@" + strings.Repeat("b", 64) + ".example":                                              "64 bytes",
		"ann@" + strings.Repeat("bbbbbbbbb.", 25) + "example":                                      "at most 254",
		strings.Repeat("a", 64) + "@" + strings.Repeat(strings.Repeat("b", 60)+".", 3) + "example": "255 bytes",
		"ann@" + strings.Repeat("ü", 9) + strings.Repeat(".ü", 120) + ".example":                   "at most 254", // short as it is typed in characters, long as it is sent
	} {
		if got, err := address.ASCII(given); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%+q: %q %v, want %q", given, got, err, why)
		}
	}
}

func TestKey_OnePersonOneKey(t *testing.T) {
	for _, same := range [][]string{
		{"kate@example.com", "KATE@Example.com", "Kate@EXAMPLE.COM"},
		{"ann@münchen.example", "Ann@MÜNCHEN.example", "ann@xn--mnchen-3ya.example", "ANN@XN--MNCHEN-3YA.EXAMPLE", "ann@mu\u0308nchen.example"},
	} {
		for _, s := range same {
			if address.Key(s) != address.Key(same[0]) {
				t.Errorf("%q and %q are two people", s, same[0])
			}
		}
	}
	apart := []string{
		"kate@example.com", "\u212aate@example.com", "kate@\u212aexample.com", "kate@kexample.com", "jes\u017fe@example.com", "jesse@example.com",
		"jürgen@example.com", "JÜRGEN@example.com", "jurgen@example.com", "ann@faß.example", "ann@fass.example", "ann", "",
	}
	keys := map[string]string{}
	for _, s := range apart {
		if other, taken := keys[address.Key(s)]; taken {
			t.Errorf("%q and %q are one person", s, other)
		}
		keys[address.Key(s)] = s
	}
}

func TestOlderKeys_AreTheLowerCaseOfBefore(t *testing.T) {
	for given, want := range map[string]string{
		"Ann@Example.com": "", "ann@münchen.example": "ann@münchen.example", "Ann@MÜNCHEN.example": "ann@münchen.example",
		"ann@xn--mnchen-3ya.example": "ann@münchen.example", "JÜRGEN@example.com": "jürgen@example.com", "\u212aate@example.com": "kate@example.com",
	} {
		if got := strings.Join(address.OlderKeys(given), " "); got != want {
			t.Errorf("%q: %q, want %q", given, got, want)
		}
	}
}

func TestHeader_FitsSESAndStaysAName(t *testing.T) {
	local := strings.Repeat("a", 64)
	longest := local + "@" + strings.Repeat("b", 60) + "." + strings.Repeat("c", 60) + "." + strings.Repeat("d", 60) + ".e.f"
	for _, c := range []struct{ name, address, read string }{
		{"", "ann@example.com", ""},
		{"Ann Smith", "ann@example.com", "Ann Smith"},
		{`Ann "the" <b@example.com>, Smith`, "ann@example.com", `Ann "the" <b@example.com>, Smith`},
		{"Jürgen Groß", "ann@example.com", "Jürgen Groß"},
		{strings.Repeat("Константинопольский ", 5), "ann@example.com", "Константинопольский Константинопольский Константинопольский Константинопольский Константиноп"},
		{strings.Repeat("ж", 100), "ann@example.com", strings.Repeat("ж", 88)},
		{strings.Repeat("क्षि", 16), longest, "क्षिक्षिक्षि"},
		{strings.Repeat("Smith ", 33), longest, "Smith Smith Smith Smith Smith Smith Smith Smith Smith Smith Smit"},
	} {
		h, err := address.Header(c.name, c.address)
		if err != nil || len(h) > 320 {
			t.Errorf("%q: %d bytes, %v", c.name, len(h), err)
		}
		a, err := mail.ParseAddress(h)
		if err != nil || a.Address != c.address || a.Name != c.read || !utf8.ValidString(a.Name) {
			t.Errorf("%q reads %q %q %v, want %q", h, a.Name, a.Address, err, c.read)
		}
	}
	if h, err := address.Header("Ann", "ann@münchen.example"); err != nil || h != `"Ann" <ann@xn--mnchen-3ya.example>` {
		t.Errorf("%q %v", h, err)
	}
	if h, err := address.Header("Zoé", "a@example.com"); err != nil || h != "=?utf-8?q?Zo=C3=A9?= <a@example.com>" {
		t.Errorf("of two encodings of one length not the one that people can read: %q %v", h, err)
	}
	if h, err := address.Header("Jürgen", "jürgen@example.de"); err == nil {
		t.Errorf("%q", h)
	}
}

func FuzzASCII(f *testing.F) {
	for _, s := range []string{"ann@example.com", "ann@münchen.example", "jürgen@example.de", "ann@[::1]", "a@b@c", "ali@نامه\u200cای.example"} {
		f.Add(s, "Ann")
	}
	f.Fuzz(func(t *testing.T, s, name string) {
		a, err := address.ASCII(s)
		key := address.Key(s)
		if repeated := address.Key(key); repeated != key {
			t.Errorf("the key of %+q is %+q, and of that %+q", s, key, repeated)
		}
		if err != nil {
			return
		}
		if twice, err := address.ASCII(a); err != nil || twice != a {
			t.Errorf("%+q is sent as %q, and that as %q %v", s, a, twice, err)
		}
		if address.Key(a) != key {
			t.Errorf("%+q has the key %q, as it is sent %q", s, key, address.Key(a))
		}
		if p, err := mail.ParseAddress(a); err != nil || p.Address != a {
			t.Errorf("%q is sent, and reads %v %v", a, p, err)
		}
		h, err := address.Header(strings.ToValidUTF8(name, ""), s)
		if err != nil || len(h) > address.MaxHeader {
			t.Errorf("%d bytes %v", len(h), err)
		}
		if p, err := mail.ParseAddress(h); err != nil || p.Address != a {
			t.Errorf("%q reads %v %v", h, p, err)
		}
	})
}
