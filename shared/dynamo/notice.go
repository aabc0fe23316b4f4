package dynamo

import (
	"errors"
)

// ReleaseInRecord reads a release from the image that a stream record carries: what
// there is to announce of a release that is deleted by now stands nowhere else.
func ReleaseInRecord(image item) (Settling, error) {
	s := settlingOf(image)
	if s.ID == "" || s.Epoch() == 0 {
		return Settling{}, errors.New("dynamo: the image is not that of a release with a history")
	}
	return s, nil
}
