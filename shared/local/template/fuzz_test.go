package template

import (
	"os"
	"testing"
)

// FuzzParse: any template, with any value for a parameter, is understood or refused; Parse
// never panics.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"Resources: {}", "Parameters: {A: {Type: String, Default: b}}\nResources: {}", "Resources: {A: {Type: 'AWS::Serverless::Function', Properties: {CodeUri: !Ref A}}}",
		"a: &a [*a]", "Resources: !Sub ${A", "- x", "Conditions: {A: !Equals [!Ref A, b]}\nResources: {}", "Resources: {A: {Type: !If [A, B, C]}}", "x: !GetAtt A.B.C",
	} {
		f.Add([]byte(seed), "A", "b")
	}
	f.Fuzz(func(_ *testing.T, text []byte, name, value string) {
		_, _ = Parse(text, map[string]string{name: value})
	})
}

// FuzzParameters: any value for a parameter of the real template is understood or refused.
func FuzzParameters(f *testing.F) {
	text, err := os.ReadFile("../../../template.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"MailRate", "PublicUrl", "TimeZone", "TokenAudience", "SeparateDuties", "Nothing"} {
		for _, value := range []string{"", "true", "${A}", "*", "https://a.example/x", "\x00"} {
			f.Add(name, value)
		}
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		if parsed, err := Parse(text, map[string]string{name: value}); err == nil && len(parsed.Functions) < 15 {
			t.Errorf("%s=%q leaves %d functions, want at least 15", name, value, len(parsed.Functions))
		}
	})
}

// FuzzParsePattern: any pattern is understood or refused; ParsePattern never panics.
func FuzzParsePattern(f *testing.F) {
	for _, seed := range []string{`{"dynamodb":{"NewImage":{"op":{"S":["follow"]}}}}`, `{}`, `[]`, `{"a":[{"prefix":"x"}]}`, `{"a":[null]}`, `{"a":{"b":[[]]}}`, `{"a":1}`} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = ParsePattern(text)
	})
}
