package operations

import "context"

// PlainText is a text that programs read line by line, in place of an object.
type PlainText string

// GetCheckpoint returns the record's tree as it is now, as three lines: whoever keeps them
// can tell later whether what was in the record then is in it still.
func (o *Operations) GetCheckpoint(ctx context.Context) (PlainText, error) {
	if _, err := allow(ctx, GetCheckpoint); err != nil {
		return "", err
	}
	c, err := o.store.Checkpoint(ctx)
	if err != nil {
		return "", err
	}
	return PlainText(c.String()), nil
}
