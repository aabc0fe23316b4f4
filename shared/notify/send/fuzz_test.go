package send

import (
	"fmt"
	netmail "net/mail"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// FuzzSenderSettings: with whatever settings, there is a sender whose mails come from one address, or
// the function does not start and says which setting is wrong.
func FuzzSenderSettings(f *testing.F) {
	f.Add("releases@example.com", "Europe/Berlin", "ACME", "14")
	f.Add("ACME Releases <releases@example.com>", "", "", "")
	f.Add("Über <releases@münchen.example>", "UTC", "A\r\nBcc: x@example.com", "0.5")
	f.Add("a@example.com, b@example.com", "Local", "\u202e", "1e9")
	f.Add("\"a\r\nb\" <a@example.com>", "../etc/passwd", strings.Repeat("x", 1000), "NaN")
	f.Add("", "Mars/Olympus", "\x00", "-1")
	f.Fuzz(func(t *testing.T, sender, zone, organisation, rate string) {
		defer func() {
			panicked := recover()
			if panicked == nil {
				return
			}
			for _, name := range []string{"MAIL_SENDER", "ORGANISATION_ZONE", "MAIL_RATE"} {
				if strings.Contains(fmt.Sprint(panicked), name) {
					return
				}
			}
			t.Errorf("nobody could tell which setting that is: %v", panicked)
		}()
		o := Open(aws.Config{Region: "eu-central-1"}, nil, Options{Sender: sender, Zone: zone, Organisation: organisation, Rate: rate})
		if _, err := netmail.ParseAddress(o.from); err != nil || strings.ContainsAny(o.from, "\r\n\x00") {
			t.Errorf("mails come from %q: %v", o.from, err)
		}
		if o.slots < 1 || o.width < 1 || o.every <= 0 {
			t.Errorf("%d slots, %d at once, every %v", o.slots, o.width, o.every)
		}
	})
}
