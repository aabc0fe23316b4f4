package dynamo

import (
	"encoding/base64"
	"encoding/json"
	"errors"

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

// openCursor returns the key; nil for an empty cursor, KindInvalid for one that is not
// of this list. The key must have exactly the list's attributes, with the partition it
// reads: DynamoDB would refuse any other with an error that looks like ours.
func openCursor(cursor, list string, partition map[string]string, rest ...string) (item, error) {
	if cursor == "" {
		return nil, nil
	}
	body, err := readCursor(cursor)
	if err != nil || body.List != list || len(body.Key) != len(partition)+len(rest) {
		return nil, badCursor().Because(err)
	}
	start := item{}
	for name, value := range partition {
		if body.Key[name] != value {
			return nil, badCursor()
		}
		start[name] = text(value)
	}
	for _, name := range rest {
		if body.Key[name] == "" {
			return nil, badCursor()
		}
		start[name] = text(body.Key[name])
	}
	return start, nil
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

// maxCursor is generous: an id or an e-mail address twice, and a time.
const maxCursor = 2000

func badCursor() *release.Error {
	e := release.Fail(release.KindInvalid, "invalid-cursor",
		"This cursor is not one that this list gave out.")
	e.Fields = []release.FieldError{{Field: "cursor", Message: "is not a cursor of this list"}}
	return e
}
