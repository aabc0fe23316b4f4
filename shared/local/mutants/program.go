package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// program is everything that has mutants.
type program struct {
	root   string
	writes *source // the package with the guarded writes
	packs  []*pack
	sites  []*site
	mu     sync.Mutex
	hashes map[string]string // of files, by name
	passed map[string]int    // comparisons in order without a mutant, by the reason
	// product tells that it is the product, not an example: then there are filters, mutants
	// by hand, and explanations.
	product bool
}

// mutated are the packages of the product whose source has mutants: all that a deployed
// function links, but for those in unmutated.
var mutated = []string{
	"shared/address", "shared/calendar", "shared/dynamo", "shared/figures", "shared/host", "shared/identity", "shared/mail",
	"shared/mcptools", "shared/notify", "shared/notify/announce", "shared/notify/feedback", "shared/notify/message", "shared/notify/plan",
	"shared/notify/send", "shared/notify/tend", "shared/operations", "shared/record", "shared/release", "shared/rest", "shared/seal",
	"shared/settle", "shared/stream", "shared/trustcenter",
}

// unmutated are the others, with the reason.
var unmutated = map[string]string{
	"shared/glyph":        "its tables are Unicode's, which its test compares whole with the library's",
	"shared/rest/apidocs": "it serves one document that is generated",
	"shared/jitter":       "chance has no bound that a test could see",
	"shared/version":      "it is one number",
	"shared/wire":         "it makes things and decides nothing",
	"shared/wire/":        "they make things and decide nothing",
}

// readProgram finds every site.
func readProgram(ctx context.Context, root, writes string, folders []string, product bool) (*program, error) {
	p := &program{root: root, hashes: map[string]string{}, passed: map[string]int{}, product: product}
	var err error
	if writes != "" {
		if p.writes, err = readSource(writes); err != nil {
			return nil, err
		}
		p.sites = append(p.sites, p.writes.sites...)
		for _, s := range p.sites {
			s.kind, s.dir, s.reached, s.change = kindCondition, writes, s.number, "is missing"
		}
	}
	if len(folders) > 0 {
		if p.packs, err = readModule(ctx, root, folders); err != nil {
			return nil, err
		}
	}
	next := len(p.sites) + 1
	for _, k := range p.packs {
		for _, f := range k.files {
			finder := finder{file: f, first: next, passed: p.passed}
			finder.find()
			p.sites, next = append(p.sites, finder.sites...), finder.first
		}
	}
	if product {
		if err := p.addByHand(next); err != nil {
			return nil, err
		}
		if err := p.addFilters(); err != nil {
			return nil, err
		}
	}
	same := map[string]int{}
	for _, s := range p.sites {
		same[s.what()]++
		s.nth = same[s.what()]
	}
	return p, p.explain()
}

// what names a mutant but for which it is among equal ones.
func (s *site) what() string {
	return strings.Join([]string{s.kind, filepath.Join(s.dir, s.file), s.function, s.condition, s.change}, " · ")
}

// id names a mutant, also when code around it has moved.
func (s *site) id() string {
	if s.nth > 1 {
		return fmt.Sprintf("%s · %d", s.what(), s.nth)
	}
	return s.what()
}

// hash is that of the file that a mutant is in.
func (p *program) hash(s *site) string {
	name := filepath.Join(s.dir, s.file)
	if s.dir == "" {
		name = filepath.Join(p.root, s.file)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if h, ok := p.hashes[name]; ok {
		return h
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	p.hashes[name] = hex.EncodeToString(sum[:8])
	return p.hashes[name]
}

// retries are the functions that say what is tried again, and what never is.
var retries = []string{
	"throttled", "isInvalidRequest", "failure", "retryOnConflict", "retryWrite", "transact", "failedCondition",
	"errorCodes", "judge", "code", "passing",
}

// class is the kind of a site, as the score counts it.
func (s *site) class() string {
	if s.kind != kindCondition && s.kind != kindHand && (slices.Contains(retries, s.function) || errorCode.MatchString(unquoted(s.condition))) {
		return kindRetry
	}
	return s.kind
}

// unquoted is the text in quotation marks in a condition.
func unquoted(condition string) string {
	_, text, _ := strings.Cut(condition, "\"")
	text, _, _ = strings.Cut(text, "\"")
	return text
}
