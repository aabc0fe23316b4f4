package dynamo

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"example.com/releases/shared/mail"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// StreamRecord is a record of a table's stream: the key of the item, and the item before
// and after one write. Its meaning is read here, next to the writes that cause it; records
// of earlier versions are understood too.
type StreamRecord struct {
	Keys, Before, After map[string]types.AttributeValue
	At                  time.Time // of the write, to about a second
}

// Op is the word that the write left; the zero Op where it left none, as after a removal.
func (r StreamRecord) Op() Op { return opOf(r.After) }

// ReleaseID is the release that a record of the Releases stream is about.
func (r StreamRecord) ReleaseID() (string, error) {
	return r.id(releasePrefix)
}

// Followed is the change request that a record of the Changes stream is about, and the
// release that it followed. The settlements that reached it with this write are the last
// of its history, all of one release.
func (r StreamRecord) Followed() (changeID, releaseID string, err error) {
	changeID, err = r.id(changePrefix)
	if err != nil {
		return "", "", err
	}
	history := listOf(r.After, "history")
	if len(history) == 0 {
		return "", "", fmt.Errorf("dynamo: change request %s followed a release and has no history", changeID)
	}
	last, ok := history[len(history)-1].(*types.AttributeValueMemberM)
	if !ok || str(last.Value, "release") == "" {
		return "", "", fmt.Errorf("dynamo: the last settlement of change request %s names no release", changeID)
	}
	return changeID, str(last.Value, "release"), nil
}

// Job is the notice job that a record of the Mail stream is about.
func (r StreamRecord) Job() (mail.JobKey, error) {
	k, ok := JobOfKeys(str(r.Keys, "pk"), str(r.Keys, "sk"))
	if _, settlement := k.Epoch(); !ok || !settlement && k != mail.WindowJob(k.ReleaseID) {
		return mail.JobKey{}, r.foreign("a notice job")
	}
	return k, nil
}

// MailID is the outbox item that a record of the Mail stream is about.
func (r StreamRecord) MailID() (string, error) {
	return r.id(mailPrefix)
}

// Slot is the sender's slot that a record of the Mail stream asks to look after; false
// where it is of another item.
func (r StreamRecord) Slot() (int, bool) {
	n, err := r.id(slotPrefix)
	if err != nil {
		return 0, false
	}
	number, err := strconv.Atoi(n)
	return number, err == nil && number >= 0
}

// WindowMoved tells whether the write gave a release another window.
func (r StreamRecord) WindowMoved() bool {
	return num(r.Before, "windowVersion") != num(r.After, "windowVersion")
}

// SettledEpoch is the epoch of the latest settlement whose end the release has recorded.
func (r StreamRecord) SettledEpoch() int { return num(r.After, "settledEpoch") }

// Release is the release as the write left it: the only source for the announcement of one
// that has been deleted since.
func (r StreamRecord) Release() (Settling, error) {
	s := settlingOf(r.After, nil)
	if s.ID == "" || s.Epoch() == 0 {
		return Settling{}, errors.New("dynamo: the image is not that of a release with a history")
	}
	return s, nil
}

// id reads the id from the key of a release or change request.
func (r StreamRecord) id(prefix string) (string, error) {
	id, ok := strings.CutPrefix(str(r.Keys, "pk"), prefix)
	if !ok || id == "" || str(r.Keys, "sk") != mainSort {
		return "", r.foreign(prefix + "…/" + mainSort)
	}
	return id, nil
}

func (r StreamRecord) foreign(want string) error {
	return fmt.Errorf("dynamo: the key %q, %q of a stream record is not that of %s", str(r.Keys, "pk"), str(r.Keys, "sk"), want)
}
