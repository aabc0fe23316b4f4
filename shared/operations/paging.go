package operations

import (
	"example.com/releases/shared/release"
)

// Paging is how a list is cut into pages: Limit 1–100 (0 means 25) and the cursor of
// the page before.
type Paging struct {
	Limit  *int   `json:"limit"`
	Cursor string `json:"cursor"`
	DecodeErrors
}

// PageSize is how many a page holds where the caller does not say.
const PageSize = 25

func (p Paging) check(f *release.ValidationErrors) int {
	if p.Limit == nil {
		return PageSize
	}
	if *p.Limit < 1 || *p.Limit > 100 {
		f.Add("limit", "must be a number from 1 to 100")
	}
	return *p.Limit
}
