package dynamo_test

import (
	"testing"

	"example.com/releases/shared/release"
)

// An erasure raises the release's revision, as an edit does. If an edit comes between its read and
// its write it sees the edit, and no revision is given twice.
func TestErase_EditInBetween_RaisesTheRevisionOnce(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	s := l.heldUp("TransactWriteItems", func() { l.renameRelease(id, "other") })
	_, err := s.EraseFromLog(l.ctx, id, "e0000", []release.Erasable{"author"}, l.write())
	l.no(err)
	if r, err := l.Release(l.ctx, id); err != nil || r.Name != "other" || r.Revision != 3 {
		t.Errorf("%s at revision %d, %v; want other at 3", r.Name, r.Revision, err)
	}
}

// A deleted release has no revision any more by which one erasure could notice another. It notices
// it by the place in the log that both would take.
func TestErase_DeletedReleaseAndAnotherInBetween_BothAreRecorded(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	l.no(l.DeleteRelease(l.ctx, id, l.write()))
	erase := func(part release.Erasable, meanwhile func()) error {
		_, err := l.heldUp("TransactWriteItems", meanwhile).EraseFromLog(l.ctx, id, "e0000", []release.Erasable{part}, l.write())
		return err
	}
	l.no(erase("author", func() { l.no(erase("subject", func() {})) }))
	log, _, err := l.LogPage(l.ctx, id, release.LogErasure, 100, "", true)
	l.no(err)
	if len(log) != 2 || log[0].Erased.Values[0] != "author" || log[1].Erased.Values[0] != "subject" {
		t.Errorf("the log tells of %+v, want of the erasure of author, and of that of subject before it", log)
	}
}

// If a note is trimmed while its words are being erased, there is no such entry any more.
func TestErase_TrimmedInBetween_NotFound(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	note, err := l.AppendLog(l.ctx, id, "words", "", l.write())
	l.no(err)
	s := l.heldUp("TransactWriteItems", func() { l.removeNotes(id) })
	if _, err := s.EraseFromLog(l.ctx, id, note.ID, []release.Erasable{"text"}, l.write()); !release.IsKind(err, release.KindNotFound) {
		t.Errorf("got %v, want not found", err)
	}
	if n := l.count(l.Tables.Releases, "LOG#"+id); n != 1 {
		t.Errorf("the log has %d entries, want the creation alone", n)
	}
}

// Nothing is erased from the log of a creation that is being undone, since the log goes with it.
func TestErase_CreationUndoneInBetween_NotFound(t *testing.T) {
	l := newHarness(t)
	id, _ := l.undone(func(id string, write func() error) error {
		note, err := l.AppendLog(l.ctx, id, "words", "", l.write())
		l.no(err)
		s := l.heldUp("TransactWriteItems", func() { l.no(write()) })
		if _, err := s.EraseFromLog(l.ctx, id, note.ID, []release.Erasable{"author"}, l.write()); !release.IsKind(err, release.KindNotFound) {
			t.Errorf("got %v, want not found", err)
		}
		return errDied
	})
	if op := l.stored(id, "op"); op != "delete" {
		t.Errorf("the release's op is %s, want delete, which the undoing has left", op)
	}
}
