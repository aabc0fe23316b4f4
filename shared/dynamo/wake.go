package dynamo

import (
	"context"
	"time"

	"example.com/releases/shared/release"
)

// wakePeople has a write to a scheduled release say that people may have to be told of
// it: the window, the scope or a decision of the CAB has changed. Until announce has heard
// of it, the release keeps the sweep's attention, so that a lost stream record loses
// nothing.
func wakePeople(e *expression, r release.Release, at time.Time) *expression {
	if r.Status == release.Scheduled {
		e.add("wake", number(1)).set("attention", text("1"))
		since := e.name("attentionSince")
		e.sets = append(e.sets, since+" = if_not_exists("+since+", "+e.value(secondsValue(at))+")")
	}
	return e
}

// unheard tells that announce has not heard of all that people may have to be told of.
// What ended has other ways: its transition is announced.
func unheard(i item) bool {
	return str(i, "status") == string(release.Scheduled) && num(i, "wake") != num(i, "woken")
}

// MarkWoken records that the job was opened for so many of such writes.
func (s *Store) MarkWoken(ctx context.Context, id string, wake int) error {
	e := newExpression().op(opAnnounced).set("woken", number(wake))
	woken := e.name("woken")
	e.conditions = append(e.conditions, "(attribute_not_exists("+woken+") OR "+woken+" < "+e.value(number(wake))+")")
	e.compare("wake", ">=", number(wake)) // there is such a release, and it counts
	after, err := s.update(ctx, s.tables.Releases, releaseKey(id), e)
	if _, heard := failedCondition(err); heard {
		return nil
	}
	if err != nil {
		return err
	}
	return s.clearAttention(ctx, after)
}
