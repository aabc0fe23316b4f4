package operations

import (
	"context"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/record"
	"example.com/releases/shared/release"
)

// Evidence is a page of what proves the record of a release.
type Evidence struct {
	record.Evidence
	// Release is on the first page only, and missing once the release is deleted.
	Release *ReleaseView `json:"release,omitempty" doc:"The release as it is now, with its change requests in short; on the first page only, and not of a deleted one. The entries prove it, not the other way round."`
}

// GetEvidenceInput pages evidence, and can ask for the proof that an older tree is a prefix of
// the current one.
type GetEvidenceInput struct {
	Since  *int   `json:"since" doc:"The size of an older checkpoint (its second line), to prove that its tree is the beginning of the current one."`
	Cursor string `json:"cursor" doc:"The 'nextCursor' of the page before. Leave it out for the first page."`
	DecodeErrors
}

// maxLeaves is more than any tree has: an entry a millisecond for thirty years.
const maxLeaves = 1_000_000_000_000

func (in GetEvidenceInput) check(f *release.ValidationErrors) {
	f.Number("since", in.since(), 0, maxLeaves)
}

func (in GetEvidenceInput) since() int {
	if in.Since == nil {
		return 0
	}
	return *in.Since
}

// GetEvidence returns a page of what proves the record of a release, deleted or not, and of
// its change requests.
func (o *Operations) GetEvidence(ctx context.Context, id string, in GetEvidenceInput) (Evidence, error) {
	if _, err := allow(ctx, GetEvidence); err != nil {
		return Evidence{}, err
	}
	if err := identified("release", id); err != nil {
		return Evidence{}, err
	}
	if err := in.invalid(in); err != nil {
		return Evidence{}, err
	}
	page, detail, err := o.store.Evidence(ctx, id, int64(in.since()), in.Cursor, o.now())
	e := Evidence{Evidence: page}
	if detail != nil {
		view := viewRelease(detail.Release)
		view.LinkedChangeRequests = detail.Links
		e.Release = &view
	}
	return e, err
}

// EraseWordsInput says which values of which entry are erased.
type EraseWordsInput struct {
	ReleaseID       string             `json:"releaseId" doc:"The release in whose log the entry is."`
	ChangeRequestID string             `json:"changeRequestId" doc:"The change request in whose record the entry is, in place of 'releaseId'. What happened to it in a release is in that release's log too, and is erased there by another request."`
	Entry           string             `json:"entry" doc:"The entry's id, as the log shows it, or its key, as evidence shows it."`
	Values          []release.Erasable `json:"values" doc:"What to erase; 'changes' erases every value of its fields."`
	DecodeErrors
}

// maxEntryID is the longest sort key that DynamoDB accepts.
const maxEntryID = 1024

func (in EraseWordsInput) check(f *release.ValidationErrors) {
	if (in.ReleaseID == "") == (in.ChangeRequestID == "") {
		f.Add("releaseId", "is required, or changeRequestId in its place")
	}
	f.Line("entry", in.Entry, 1, maxEntryID)
	release.SomeOf(f, "values", "parts of the entry", in.Values, release.Erasables)
}

// EraseWords removes personal data from a log entry for good, and adds an entry that says so.
// The rest of the entry can still be proved.
func (o *Operations) EraseWords(ctx context.Context, in EraseWordsInput, pre Precondition) (release.LogEntry, error) {
	who, err := allow(ctx, EraseWords)
	if err != nil {
		return release.LogEntry{}, err
	}
	place := o.store.RecordInReleases
	if in.ReleaseID == "" {
		place = o.store.RecordInChanges
	}
	if err := in.invalid(in); err != nil {
		return refused(ctx, o, pre, place, identity[release.LogEntry], err)
	}
	parts := make([]release.Erasable, len(in.Values))
	for n, v := range in.Values {
		parts[n], _ = release.ParseErasable(string(v))
	}
	return idempotent(ctx, o, pre, o.write(who, pre), identity[release.LogEntry], func(w dynamo.Write) (release.LogEntry, error) {
		if in.ReleaseID != "" {
			if err := identified("release", in.ReleaseID); err != nil {
				return release.LogEntry{}, err
			}
			return o.store.EraseFromLog(ctx, in.ReleaseID, in.Entry, parts, w)
		}
		if err := identified("change request", in.ChangeRequestID); err != nil {
			return release.LogEntry{}, err
		}
		return o.store.EraseFromChangeLog(ctx, in.ChangeRequestID, in.Entry, parts, w)
	})
}
