package shipped_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"example.com/releases/shared/local/iam"
)

// A function's policy allows what it does, and nothing else. The linker keeps in a file only
// what can be reached from its main: so the functions of package dynamo that are in the file,
// looked up in the source, tell which actions it takes on which tables. Comparing these with the
// policy both ways shows any right that is missing and any that is not needed.
func TestShipped_IAMPolicies_AreWhatTheFilesUse(t *testing.T) {
	root, tmpl := load(t)
	source := readStore(t, filepath.Join(root, "shared", "dynamo"))
	removed := 0
	for _, f := range tmpl.Functions {
		content, err := os.ReadFile(files(t)[f.Name])
		if err != nil {
			t.Fatal(err)
		}
		uses := append(source.uses(t, f.Name, content), otherServices(content)...)
		granted := iam.Granted(f)
		for _, complaint := range compare(f.Name, uses, granted) {
			t.Error(complaint)
		}
		// And the comparison notices each right that somebody deletes.
		for i := range granted {
			removed++
			without := slices.Delete(slices.Clone(granted), i, i+1)
			if !slices.Contains(without, granted[i]) && len(compare(f.Name, uses, without)) == 0 {
				t.Errorf("%s: the comparison does not notice a policy without %s", f.Name, granted[i])
			}
		}
	}
	if removed < 100 {
		t.Errorf("only %d rights were looked at, want 100 or more", removed)
	}
}

func compare(function string, uses, granted []iam.Right) []string {
	var complaints []string
	for _, u := range uses {
		if !slices.Contains(granted, u) {
			complaints = append(complaints, function+" needs "+u.String()+", which its policy does not allow")
		}
	}
	for _, g := range granted {
		if !slices.Contains(uses, g) {
			complaints = append(complaints, function+" may do "+g.String()+", which it never does")
		}
	}
	return complaints
}

// otherServices returns the rights that a file needs outside DynamoDB. Their resources are in
// the template only: a bus, and the sender's identities with the configuration set.
func otherServices(content []byte) []iam.Right {
	var list []iam.Right
	if names(content, sdk+"eventbridge.(*Client).")[sdk+"eventbridge.(*Client).PutEvents"] {
		list = append(list, iam.Right{Action: "events:PutEvents", Resource: "Bus.Arn"})
	}
	if names(content, sdk+"sesv2.(*Client).")[sdk+"sesv2.(*Client).SendEmail"] {
		for _, r := range mayMailAs {
			// For a mail with attachments SES demands the second right too.
			list = append(list, iam.Right{Action: "ses:SendEmail", Resource: r}, iam.Right{Action: "ses:SendRawEmail", Resource: r})
		}
	}
	return list
}

// names returns the functions with a prefix that are in a file. It finds them in the table from
// which tracebacks are made, which has the inlined ones too.
func names(content []byte, prefix string) map[string]bool {
	found := map[string]bool{}
	start := []byte("\x00" + prefix)
	for {
		i := bytes.Index(content, start)
		if i < 0 {
			return found
		}
		content = content[i+1:]
		if end := bytes.IndexByte(content, 0); end > 0 {
			found[string(content[:end])] = true
		}
	}
}

const (
	pkg = "example.com/releases/shared/dynamo."
	sdk = "github.com/aws/aws-sdk-go-v2/service/"
)

// mayMailAs are the resources with which a mail is sent, as the template gives them for an
// account of zeros and no MailSender.
var mayMailAs = []string{
	"arn:aws:ses:us-east-1:000000000000:identity/", "arn:aws:ses:us-east-1:000000000000:configuration-set/MailEvents",
}
