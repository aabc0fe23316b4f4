package rest

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"

	"example.com/releases/shared/release"
)

// entityTag is the strong tag of a representation: the revision, which If-Match
// compares, and a hash of the content, which also changes with a log entry or the progress
// of a settlement, without a new revision.
func entityTag(revision int, body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + strconv.Itoa(revision) + "-" + hex.EncodeToString(sum[:8]) + `"`
}

// tag is one entity tag of a header.
type tag struct {
	opaque string
	weak   bool
}

// revision is the part that If-Match compares; 0 for a tag that is not one of ours.
func (t tag) revision() int {
	digits, _, _ := strings.Cut(t.opaque, "-")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || t.weak {
		return 0
	}
	return n
}

// conditions reads If-Match or If-None-Match: "*", or a list of at least one tag. The
// opaque part of a tag may contain commas.
func (q *request) conditions(name string) (tags []tag, star bool, err error) {
	rest := strings.Join(q.Header.Values(name), ",")
	if strings.TrimSpace(rest) == "*" {
		return nil, true, nil
	}
	for {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" && len(tags) > 0 {
			return tags, false, nil
		}
		var t tag
		rest, t.weak = strings.CutPrefix(rest, "W/")
		quoted, opened := strings.CutPrefix(rest, `"`)
		opaque, after, closed := strings.Cut(quoted, `"`)
		if !opened || !closed {
			return nil, false, headerError(name, `must be *, or entity tags as the ETag header gives them, such as "3-5f2b9c0d1e4a7b68"`)
		}
		t.opaque, rest = opaque, after
		tags = append(tags, t)
	}
}

// maxTags bounds for how many revisions one write is tried.
const maxTags = 8

// revisions lists the revisions that If-Match allows a write to find; 0 means any.
func (q *request) revisions() ([]int, error) {
	anyRevision := []int{0}
	if len(q.Header.Values("If-Match")) == 0 || q.route.Method == http.MethodGet {
		return anyRevision, nil
	}
	if !q.route.Guarded {
		return nil, headerError("If-Match", "does not go with this request: it adds something new, which has no revision yet")
	}
	tags, star, err := q.conditions("If-Match")
	if err != nil || star {
		return anyRevision, err
	}
	if len(tags) > maxTags {
		return nil, headerError("If-Match", "lists more than "+strconv.Itoa(maxTags)+" entity tags")
	}
	var known []int
	for _, t := range tags {
		if n := t.revision(); n > 0 {
			known = append(known, n)
		}
	}
	if len(known) == 0 {
		return nil, errStale(tags)
	}
	return known, nil
}

// noRevision is a revision that nothing ever has.
const noRevision = -1

// wantsNone tells whether a write is to be made only where nothing exists yet
// (If-None-Match: *). The target of such a write exists, so it is refused, after everything
// else that can be wrong with it: 404 where nothing exists.
func (q *request) wantsNone() (bool, error) {
	if len(q.Header.Values("If-None-Match")) == 0 || q.route.Method == http.MethodGet {
		return false, nil
	}
	if !q.route.Guarded {
		return false, headerError("If-None-Match", "does not go with this request: it always adds something new")
	}
	_, star, err := q.conditions("If-None-Match")
	if err == nil && !star {
		err = headerError("If-None-Match", "with entity tags does not go with a write; to write only what you have read, send its ETag in If-Match")
	}
	return star, err
}

func errThere() error {
	return release.Fail(release.KindPreconditionFailed, "already-there",
		"If-None-Match: * requires that nothing exists here yet, but something does.")
}

// errStale says why no tag matched. A weak tag never does (RFC 9110, 13.1.1): reading again
// would return the same one where a proxy in between weakens what we send.
func errStale(tags []tag) error {
	for _, t := range tags {
		if t.weak {
			return release.Fail(release.KindPreconditionFailed, "revision-stale",
				`If-Match has the weak tag W/"%s", and a weak tag never matches there; a proxy or cache in between may have added the W/.`, shorten(t.opaque))
		}
	}
	return release.Fail(release.KindPreconditionFailed, "revision-stale",
		"If-Match does not name the current revision.")
}

// unchanged checks the conditions of a read: an If-None-Match with this representation's
// tag makes it a 304, an If-Match with another revision a 412.
func (q *request) unchanged(revision int, etag string) (bool, error) {
	if len(q.Header.Values("If-Match")) > 0 {
		tags, star, err := q.conditions("If-Match")
		if err != nil {
			return false, err
		}
		holds := star
		for _, t := range tags {
			holds = holds || revision > 0 && t.revision() == revision
		}
		if !holds {
			return false, errStale(tags)
		}
	}
	if len(q.Header.Values("If-None-Match")) == 0 {
		return false, nil
	}
	tags, star, err := q.conditions("If-None-Match")
	for _, t := range tags {
		star = star || `"`+t.opaque+`"` == etag
	}
	return star, err
}
