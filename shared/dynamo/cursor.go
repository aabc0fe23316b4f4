package dynamo

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"example.com/releases/shared/release"
)

// A cursor is the key after which a page begins, bound to the list it belongs to.
// DynamoDB does not ask the key to exist, so it survives the item's deletion. All key
// attributes of our tables and indexes are strings.
type cursorBody struct {
	List string            `json:"l"`
	Key  map[string]string `json:"k"`
}

func sealCursor(start item, list string) string {
	if len(start) == 0 {
		return ""
	}
	body := cursorBody{List: list, Key: map[string]string{}}
	for name := range start {
		body.Key[name] = verbatim(start, name)
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// A shape checks the further attributes of a list's keys, by name.
type shape map[string]func(string) bool

// inIndex is the shape of the keys in an index by creation, for items with a key prefix.
func inIndex(prefix string) shape {
	return shape{"pk": beginsWith(prefix), "sk": func(s string) bool { return s == mainSort }, "createdAt": isTime}
}

func beginsWith(prefix string) func(string) bool {
	return func(s string) bool { return strings.HasPrefix(s, prefix) && len(s) > len(prefix) }
}

func isTime(s string) bool {
	_, err := time.Parse(time.RFC3339, s)
	return err == nil
}

// openCursor returns the key; nil for an empty cursor, KindInvalid for one that this list
// cannot have given out. The key must have exactly the list's attributes, with the
// partition it reads and the shape of its items: DynamoDB would refuse any other with an
// error that looks like a fault of ours. Each key has exactly one cursor.
func openCursor(cursor, list string, partition map[string]string, further shape) (item, error) {
	if cursor == "" {
		return nil, nil
	}
	body, err := readCursor(cursor)
	if err != nil || body.List != list || len(body.Key) != len(partition)+len(further) {
		return nil, badCursor().Because(err)
	}
	start := item{}
	for name, value := range partition {
		if body.Key[name] != value {
			return nil, badCursor()
		}
		start[name] = text(value)
	}
	for name, fits := range further {
		value := body.Key[name]
		if len(value) > maxKeyPart || !fits(value) {
			return nil, badCursor()
		}
		start[name] = text(value)
	}
	if sealCursor(start, list) != cursor {
		return nil, badCursor()
	}
	return start, nil
}

// pageFailure is failure for a query that may continue from a cursor: a key that DynamoDB
// refuses came from the cursor, since everything else in the query is ours.
func pageFailure(err error, cursor string) error {
	var refused smithy.APIError
	if cursor != "" && errors.As(err, &refused) && refused.ErrorCode() == "ValidationException" {
		return badCursor().Because(err)
	}
	return failure(err)
}

func readCursor(cursor string) (cursorBody, error) {
	var body cursorBody
	if len(cursor) > maxCursor {
		return body, errors.New("dynamo: the cursor is too long")
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return body, err
	}
	return body, json.Unmarshal(raw, &body)
}

// maxKeyPart is DynamoDB's bound on sort keys, the smaller of its two bounds on keys.
const maxKeyPart = 1024

// maxCursor has room for the id of a configuration item twice, each byte of it escaped,
// and a time.
const maxCursor = 5000

func badCursor() *release.Error {
	e := release.Fail(release.KindInvalid, "invalid-cursor",
		"This cursor is not one that this list gave out.")
	e.Fields = []release.FieldError{{Field: "cursor", Message: "is not a cursor of this list"}}
	return e
}
