package operations

import (
	"example.com/releases/shared/release"
)

// Paging is how a list is cut into pages: Limit 1–100 (0 means 25) and the cursor of
// the page before.
type Paging struct {
	Limit  *int   `json:"limit" doc:"How many a page holds; 25 where it is left out."`
	Cursor string `json:"cursor" doc:"The 'nextCursor' of the page before, with the same filters. Leave it out for the first page."`
	DecodeErrors
}

// PageSize is how many a page holds where the caller does not say.
const PageSize = 25

// MaxPageSize is how many a page holds at most.
const MaxPageSize = 100

func (p Paging) check(f *release.ValidationErrors) {
	f.Number("limit", p.size(), 1, MaxPageSize)
}

func (p Paging) size() int {
	if p.Limit == nil {
		return PageSize
	}
	return *p.Limit
}
