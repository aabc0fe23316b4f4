package mailbox

import (
	"bytes"
	"path/filepath"
	"reflect"
	"testing"
)

// A host that is killed after SES has accepted a mail and before its answer: the mail is sent
// all the same, so it is in the inbox afterwards.
func TestMailbox_KeptInAFile_ComesBackAfterAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "inbox.jsonl")
	b, ses, _ := start(t)
	if err := b.KeepIn(path); err != nil {
		t.Fatal(err)
	}
	if err := b.Fail(Fault{Kind: Drop, To: "bob@example.com"}); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"ann@example.com", "bob@example.com"} {
		_, _ = ses.SendEmail(t.Context(), message(to)) // the second is accepted and not answered
	}
	reopened, sesAgain, _ := start(t)
	if err := reopened.KeepIn(path); err != nil {
		t.Fatal(err)
	}
	was, is := b.Mails(), reopened.Mails()
	if len(is) != 2 || is[1].To != "bob@example.com" || !reflect.DeepEqual(was, is) || !bytes.Equal(is[0].Raw(), was[0].Raw()) || !bytes.Equal(is[0].Attachments[0].raw, was[0].Attachments[0].raw) {
		t.Fatalf("%+v\ncame back as\n%+v", was, is)
	}
	if _, err := sesAgain.SendEmail(t.Context(), message("cid@example.com")); err != nil {
		t.Fatal(err)
	}
	if all := reopened.Mails(); len(all) != 3 || all[2].ID == all[0].ID || all[2].ID == all[1].ID {
		t.Errorf("got %+v, want three mails, each with an id of its own", all)
	}
	reopened.Clear()
	empty, _, _ := start(t)
	if err := empty.KeepIn(path); err != nil || len(empty.Mails()) != 0 {
		t.Errorf("%v, %d mails after the inbox was emptied, want none", err, len(empty.Mails()))
	}
}

// A mail that cannot be written is refused: its sender must not take it for sent.
func TestMailbox_FileCannotBeWritten_RefusesTheMail(t *testing.T) {
	b, ses, _ := start(t)
	if err := b.KeepIn(filepath.Join(t.TempDir(), "inbox.jsonl")); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := ses.SendEmail(t.Context(), message("ann@example.com")); err == nil || len(b.Mails()) != 0 {
		t.Errorf("got %v and %d mails, want an error and none", err, len(b.Mails()))
	}
}
