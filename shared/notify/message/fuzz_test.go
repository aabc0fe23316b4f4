package message_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/notify/message"
)

// Whatever people write into names, titles and reasons stays text.
func FuzzMessage(f *testing.F) {
	f.Add("Ann", "Laptop", "it broke", "Spring", uint8(0))
	f.Add("<b>", "</li><script>alert(1)</script>", "\r\nBcc: x@example.com", "]]>\x00\u2028", uint8(4))
	f.Add("www.evil.example", "{{.}}", "\xff\xfe", strings.Repeat("ü", 300), uint8(2))
	w, err := message.New(acme("Asia/Kathmandu"))
	if err != nil {
		f.Fatal(err)
	}
	plain, err := w.Write(base(mail.HeadsUp, 1))
	if err != nil {
		f.Fatal(err)
	}
	tag := regexp.MustCompile(`<[a-zA-Z/!][^>]*>`)
	f.Fuzz(func(t *testing.T, name, title, reason, releaseName string, kind uint8) {
		n := base(mail.Kinds[int(kind)%len(mail.Kinds)], 1)
		n.At, n.Before = spring.End, spring
		n.Name, n.Tasks[0].Title, n.Reason, n.ReleaseName, n.Manager = name, title, reason, releaseName, name
		l, err := w.Write(n)
		if err != nil {
			t.Fatal(err)
		}
		if utf8.RuneCountInString(l.Subject) >= 70 || strings.ContainsAny(l.Subject, "\r\n") {
			t.Errorf("subject %q", l.Subject)
		}
		for _, found := range tag.FindAllString(l.HTML, -1) {
			if name := strings.ToLower(strings.Fields(strings.Trim(found, "</>"))[0]); !strings.Contains(strings.ToLower(plain.HTML), "<"+name) {
				t.Errorf("a tag of somebody's: %s", found)
			}
		}
		if strings.Contains(l.HTML, "ZgotmplZ") {
			t.Errorf("the template met what it cannot escape")
		}
		if l.Calendar != nil && strings.Contains(strings.ReplaceAll(string(l.Calendar.Content), "\r\n", ""), "\n") {
			t.Errorf("a bare line break in the event")
		}
	})
}
