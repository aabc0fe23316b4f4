package operations

import (
	"context"
	"fmt"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
)

// AddChangesInput names change requests to link and to remove, together at most 100.
type AddChangesInput struct {
	Add    []string `json:"add" doc:"Change requests to link."`
	Remove []string `json:"remove" doc:"Change requests to remove. Together with 'add' 1 to 100 ids."`
	DecodeErrors
}

// AddChanges links and removes change requests. It is idempotent: ids that are already
// linked, or already removed, are returned as unchanged.
func (o *Operations) AddChanges(ctx context.Context, id string, in AddChangesInput, pre Precondition) (dynamo.LinkResult, error) {
	who, err := allow(ctx, AddChanges)
	if err != nil {
		return dynamo.LinkResult{}, err
	}
	if err := identified("release", id); err != nil {
		return dynamo.LinkResult{}, err
	}
	if err := in.invalid(in); err != nil {
		return dynamo.LinkResult{}, err
	}
	w := o.write(who, pre)
	return idempotent(ctx, o, pre, w, identity[dynamo.LinkResult], func(w dynamo.Write) (dynamo.LinkResult, error) {
		return o.store.LinkChanges(ctx, id, in.Add, in.Remove, w)
	})
}

func (in AddChangesInput) check(f *release.ValidationErrors) {
	f.Identifiers("add", in.Add, release.MaxChanges)
	f.Identifiers("remove", in.Remove, release.MaxChanges)
	if n := len(in.Add) + len(in.Remove); n == 0 || n > release.MaxChanges {
		f.Fields = nil // one sentence on the number, not one on each id
		f.Add("add", "together with remove, these are %d ids; send 1 to %d", n, release.MaxChanges)
		return
	}
	adding := make(map[string]bool, len(in.Add))
	for _, id := range in.Add {
		adding[id] = true
	}
	for i, id := range in.Remove {
		if adding[id] {
			f.Add(fmt.Sprintf("remove[%d]", i), "%s is also in add; decide for one", id)
		}
	}
}

// LinkResult is the answer of AddChanges; surfaces must not import package dynamo for it.
type LinkResult = dynamo.LinkResult
