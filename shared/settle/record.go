package settle

import (
	"fmt"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/release"
)

// releaseID is a wake-up from the Releases stream.
type releaseID string

// changeOf is a wake-up from the Changes stream: which change request followed which
// release.
type changeOf struct{ change, release string }

// releaseWake reads a record of the Releases stream. A record with an op of another
// kind, which the filter should have kept back or which a newer version wrote, asks for
// nothing.
func releaseWake(r events.DynamoDBEventRecord) (releaseID, bool, error) {
	t, known := release.TransitionTo(release.Status(str(r.Change.NewImage, "op")))
	if !known || !t.Settles {
		return "", false, nil
	}
	id, err := idOf(r, "REL#")
	return releaseID(id), true, err
}

// changeWake reads a record of the Changes stream. The settlements that reached the
// change request with it stand at the end of its history, all of one release.
func changeWake(r events.DynamoDBEventRecord) (changeOf, bool, error) {
	if str(r.Change.NewImage, "op") != "follow" {
		return changeOf{}, false, nil
	}
	id, err := idOf(r, "CR#")
	if err != nil {
		return changeOf{}, true, err
	}
	history, ok := r.Change.NewImage["history"]
	if !ok || history.DataType() != events.DataTypeList || len(history.List()) == 0 {
		return changeOf{}, true, fmt.Errorf("settle: change request %s followed a release and has no history", id)
	}
	last := history.List()[len(history.List())-1]
	if last.DataType() != events.DataTypeMap || str(last.Map(), "release") == "" {
		return changeOf{}, true, fmt.Errorf("settle: the last settlement of change request %s names no release", id)
	}
	return changeOf{change: id, release: str(last.Map(), "release")}, true, nil
}

func idOf(r events.DynamoDBEventRecord, prefix string) (string, error) {
	pk := str(r.Change.Keys, "pk")
	id, ok := strings.CutPrefix(pk, prefix)
	if !ok || id == "" {
		return "", fmt.Errorf("settle: a record's key %q does not begin with %s", pk, prefix)
	}
	return id, nil
}

// str reads a string attribute; the accessors of package events panic on other types.
func str(image map[string]events.DynamoDBAttributeValue, name string) string {
	v, ok := image[name]
	if !ok || v.DataType() != events.DataTypeString {
		return ""
	}
	return v.String()
}
