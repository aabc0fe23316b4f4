package main

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"slices"
)

// switchSource is added to the package and decides at run time which condition is skipped.
//
//go:embed testdata/switch.go
var switchSource []byte

// rewrite returns the files of the package in which every site has its own switch.
func (s *source) rewrite(packageName string) (map[string][]byte, error) {
	type insertion struct {
		at    int
		order int // among insertions at the same offset
		text  string
	}
	insertions := map[string][]insertion{}
	for _, one := range s.sites {
		add := func(at, order int, text string) {
			insertions[one.file] = append(insertions[one.file], insertion{at, order, text})
		}
		if one.dot < 0 {
			begin := string(s.texts[one.file][one.from:])
			owner := begin[:bytes.IndexByte([]byte(begin), '.')]
			add(one.to, 0, fmt.Sprintf("; mutantAdded(%d, %s)", one.number, owner))
			continue
		}
		// Chained calls begin at the same offset; the last one is the outermost.
		add(one.from, -one.to, fmt.Sprintf("mutantCondition(%d, ", one.number))
		add(one.dot, 0, ", func(mutant *"+expressionType+") { mutant")
		add(one.to, -one.from, "})")
	}
	files := map[string][]byte{}
	for name, list := range insertions {
		slices.SortStableFunc(list, func(a, b insertion) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.order, b.order)) })
		var out bytes.Buffer
		done := 0
		for _, i := range list {
			out.Write(s.texts[name][done:i.at])
			out.WriteString(i.text)
			done = i.at
		}
		out.Write(s.texts[name][done:])
		if _, err := format.Source(out.Bytes()); err != nil {
			return nil, fmt.Errorf("%s cannot be rewritten: %w", name, err)
		}
		files[name] = out.Bytes()
	}
	files["mutants_switch.go"] = bytes.ReplaceAll(switchSource, []byte("PACKAGE"), []byte(packageName))
	return files, nil
}

// overlay writes the rewritten files into a folder and returns the file with which `go build
// -overlay` uses them instead of the package's own.
func (s *source) overlay(folder string) (string, error) {
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return "", err
	}
	files, err := s.rewrite(filepath.Base(dir))
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for name, text := range files {
		to := filepath.Join(folder, name)
		if err := os.WriteFile(to, text, 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(dir, name)] = to
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(folder, "overlay.json")
	return name, os.WriteFile(name, list, 0o600)
}
