package arrows

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/releases/shared/local/template"
)

// docs/answers.yaml cannot be deployed as it was copied: the template refuses each of its
// placeholders by itself, and takes all its other answers.
func TestAnswers_AsCopied_AreRefused(t *testing.T) {
	text, err := os.ReadFile("../docs/answers.yaml")
	if err != nil {
		t.Fatal(err)
	}
	filled := map[string]string{}
	var placeholders []string
	for _, line := range regexp.MustCompile(`(?m)^([A-Za-z]+): (.*)$`).FindAllStringSubmatch(string(text), -1) {
		name, value := line[1], strings.Trim(line[2], `"`)
		if !strings.Contains(value, "<") {
			filled[name] = value
			continue
		}
		placeholders = append(placeholders, name)
		if _, err := template.Load("../template.yaml", map[string]string{name: value}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %s is not refused: %v", name, value, err)
		}
	}
	want := []string{"TokenIssuer", "JwksUrl", "TokenAudience", "MailSender", "MailIdentity", "AlarmEmail"}
	if !slices.Equal(placeholders, want) {
		t.Errorf("placeholders are %v, not %v", placeholders, want)
	}
	if _, err := template.Load("../template.yaml", filled); err != nil || len(filled) < 8 {
		t.Errorf("%d other answers: %v", len(filled), err)
	}
}
