package notify_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"example.com/releases/shared/figures"
	"example.com/releases/shared/local/mailbox"
)

// logs returns what is logged while do runs, as CloudWatch would get it. No other test may run at
// the same time, since the log is the whole process's.
func logs(t *testing.T, do func()) string {
	t.Helper()
	var out bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&out, nil)))
	figures.Use("stack")
	defer func() {
		slog.SetDefault(before)
		figures.Use("")
	}()
	do()
	return out.String()
}

// Each attempt to send a mail is counted by its outcome, in a line without names and addresses.
func TestMailFigures_ByOutcome_NothingPersonal(t *testing.T) { //nolint:paralleltest // the log is the process's
	w, _ := due(t, "ann", "bob", "cid")
	w.fail(mailbox.Fault{Kind: mailbox.Reject, To: "bob@example.com"}, mailbox.Fault{Kind: mailbox.Drop, To: "cid@example.com"})
	counted := map[string]int{}
	for line := range strings.Lines(logs(t, func() { w.headsUp() })) {
		if !strings.Contains(line, `"_aws"`) {
			continue
		}
		for _, outcome := range []string{"sent", "failed", "unknown"} {
			if strings.Contains(line, `"Outcome":"`+outcome+`","Mails":1,`) && strings.Contains(line, `"Namespace":"stack"`) {
				counted[outcome]++
			}
		}
		if strings.Contains(line, "@") || strings.Contains(line, "example") {
			t.Errorf("a figure's line names a person: %s", line)
		}
	}
	if len(counted) != 3 || counted["sent"] != 1 || counted["failed"] != 1 || counted["unknown"] != 1 {
		t.Errorf("counted %v, want one of each outcome", counted)
	}
}
