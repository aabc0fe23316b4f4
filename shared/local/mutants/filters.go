package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// templateReached is traced by whatever reads template.yaml.
const templateReached = -1

var (
	// pattern is a filter of a stream, with its lists of words.
	pattern = regexp.MustCompile(`^ *- Pattern: '(\{"dynamodb":.*\})'$`)
	words   = regexp.MustCompile(`"S":\[([^\]]*)\]`)
	owner   = regexp.MustCompile(`^  ([A-Za-z]+):$`)
)

// addFilters makes a mutant of each word of each stream's filter in template.yaml.
func (p *program) addFilters() error {
	const name = "template.yaml"
	text, err := os.ReadFile(filepath.Join(p.root, name))
	if err != nil {
		return err
	}
	lines := strings.Split(string(text), "\n")
	function := ""
	for n, line := range lines {
		if found := owner.FindStringSubmatch(line); found != nil {
			function = found[1]
		}
		if !pattern.MatchString(line) {
			continue
		}
		for _, list := range words.FindAllStringSubmatchIndex(line, -1) {
			all := strings.Split(line[list[2]:list[3]], ",")
			for i, word := range all {
				rest := append(append([]string{}, all[:i]...), all[i+1:]...)
				changed := append([]string{}, lines...)
				changed[n] = line[:list[2]] + strings.Join(rest, ",") + line[list[3]:]
				p.sites = append(p.sites, &site{
					number: len(p.sites) + 1, reached: templateReached, kind: kindFilter, file: name, line: n + 1, function: function,
					condition: word, change: "is missing", template: strings.Join(changed, "\n"),
				})
			}
		}
	}
	return nil
}

// asTemplate writes the template of a mutant, and returns where it is.
func (s *site) asTemplate(folder string) (string, error) {
	dir := filepath.Join(folder, fmt.Sprintf("template-%d", s.number))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	name := filepath.Join(dir, "template.yaml")
	return name, os.WriteFile(name, []byte(s.template), 0o600)
}
