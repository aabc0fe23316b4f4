package demo

import (
	"slices"
	"testing"
)

// What the demo shows of a mail ends with a paragraph, never in the middle of a sentence.
func TestBeginningOf_LongMail_EndsWithAParagraph(t *testing.T) {
	const text = "Hello Ann,\r\n\r\nOne.\nTwo.\n\nThree,\nwhich goes on\nand on.\n\nFour.\n"
	for _, c := range []struct {
		lines int
		want  []string
		more  bool
	}{
		{1, []string{"Hello Ann,"}, true},
		{2, []string{"Hello Ann,", "One.", "Two."}, true},
		{4, []string{"Hello Ann,", "One.", "Two.", "Three,", "which goes on", "and on."}, true},
		{7, []string{"Hello Ann,", "One.", "Two.", "Three,", "which goes on", "and on.", "Four."}, false},
	} {
		if got, more := beginningOf(text, c.lines); !slices.Equal(got, c.want) || more != c.more {
			t.Errorf("%d lines: got %q, more: %v; want %q, %v", c.lines, got, more, c.want, c.more)
		}
	}
}
