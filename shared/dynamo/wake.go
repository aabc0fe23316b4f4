package dynamo

import (
	"context"
	"time"

	"example.com/releases/shared/release"
)

// wakePeople marks a write to a scheduled release as one that people may have to be told
// of: the window, the scope or a decision of the CAB has changed. Until announce has
// handled it, the release keeps the sweep's attention, so that a lost stream record loses
// nothing.
func wakePeople(e *expression, r release.Release, at time.Time) *expression {
	if r.Status == release.Scheduled {
		e.add("wake", number(1)).set("attention", text("1"))
		since := e.name("attentionSince")
		e.sets = append(e.sets, since+" = if_not_exists("+since+", "+e.value(secondsValue(at))+")")
	}
	return e
}

// unheard tells that announce has not handled all that people may have to be told of. For
// a release that has ended, its last transition is announced instead.
func unheard(i item) bool {
	return str(i, "status") == string(release.Scheduled) && num(i, "wake") != num(i, "woken")
}

// MarkWoken records that the job was opened for the first wake of such writes.
func (s *Store) MarkWoken(ctx context.Context, id string, wake int) error {
	e := newExpression().op(opAnnounced).set("woken", number(wake))
	woken := e.name("woken")
	e.conditions = append(e.conditions, "(attribute_not_exists("+woken+") OR "+woken+" < "+e.value(number(wake))+")")
	e.compare("wake", ">=", number(wake)) // the release exists, and has counted so many
	after, err := s.update(ctx, s.tables.Releases, releaseKey(id), e)
	if _, heard := failedCondition(err); heard {
		return nil
	}
	if err != nil {
		return err
	}
	return s.clearAttention(ctx, after)
}
