package release

import (
	"strings"
	"time"
)

// LogKind tells what an entry of a release's log, or of a change request's, is about.
// Notes and the reasons of holds are written by people; every other kind is left by the
// operation itself.
type LogKind string

// The kinds of entries.
const (
	LogNote           LogKind = "note"
	LogCreated        LogKind = "created"
	LogTransition     LogKind = "transition"
	LogEdit           LogKind = "edit"
	LogScope          LogKind = "scope"
	LogDecision       LogKind = "decision"
	LogApprovalVoided LogKind = "approval-voided"
	LogStep           LogKind = "step"
	LogHold           LogKind = "hold"
	LogSettlement     LogKind = "settlement"
	LogErasure        LogKind = "erasure"
	LogDeleted        LogKind = "deleted"
)

// LogKinds lists the kinds of a release's log.
var LogKinds = []LogKind{
	LogNote, LogCreated, LogTransition, LogEdit, LogScope, LogDecision, LogApprovalVoided, LogStep, LogHold, LogSettlement, LogErasure, LogDeleted,
}

// ChangeLogKinds lists the kinds of a change request's record.
var ChangeLogKinds = []LogKind{LogCreated, LogDecision, LogApprovalVoided, LogEdit, LogErasure}

// ParseChangeLogKind matches a kind of a change request's record without regard to case.
func ParseChangeLogKind(s string) (LogKind, bool) { return parseEnum(s, ChangeLogKinds) }

// ParseLogKind matches a kind without regard to case.
func ParseLogKind(s string) (LogKind, bool) { return parseEnum(s, LogKinds) }

// LogEntry is one entry of the deployment log, or of a change request's record. ID orders
// the entries of one log by acceptance. Which fields an entry has beyond its text depends
// on its kind; the others are empty.
type LogEntry struct {
	ID        string    `json:"id" doc:"Orders the entries of one log by acceptance."`
	Kind      LogKind   `json:"kind" doc:"What the entry is about."`
	Timestamp time.Time `json:"timestamp" doc:"When it was written."`
	Author    string    `json:"author" doc:"Who wrote it, from the token."`
	// AuthorEmail is as the token carried it; AuthorEmailVerified is false where the
	// token did not say that it is the author's own, and left out otherwise.
	AuthorEmail         string `json:"authorEmail,omitempty" doc:"Their address, from the token."`
	AuthorEmailVerified *bool  `json:"authorEmailVerified,omitempty" doc:"False where the token did not say that the address is the author's own; left out otherwise."`
	// Subject is the token's sub, which no two people share; "system" in the system's own
	// entries.
	Subject string `json:"subject,omitempty" doc:"The subject of the author's token, which tells two people of one name apart; 'system' for what the system does by itself."`
	Text    string `json:"text" doc:"What happened."`
	// Status is the one a transition entered, or the one a note was written under.
	Status Status `json:"status,omitempty" doc:"The status that the release had, or entered with this entry."`

	// ReleaseID is the release that a change request was linked to when this happened to it.
	ReleaseID       string      `json:"releaseId,omitempty" doc:"The release in which this happened to the change request."`
	ChangeRequestID string      `json:"changeRequestId,omitempty" doc:"The change request that the entry is about."`
	Decision        CABDecision `json:"decision,omitempty" doc:"What the CAB decided."`
	Digest          string      `json:"digest,omitempty" doc:"Identifies the content that the CAB decides on: 'v1:' and the SHA-256, in hexadecimal, of its canonical JSON (RFC 8785)."`
	// Changes are the fields as they were written: all that are not empty at the creation,
	// those that differ in an edit, all that were decided on in a decision.
	Changes    []FieldChange     `json:"changes,omitempty" doc:"The fields as they were written: all with 'created', those that differ with 'edit'. Only in the log's own pages, not with the release."`
	Added      []ScopedChange    `json:"added,omitempty" doc:"The change requests that joined the release, each as it was then."`
	Removed    []ScopedChange    `json:"removed,omitempty" doc:"The change requests that left the release, each as it was then."`
	Step       *StepCompletion   `json:"step,omitempty" doc:"The step that was completed or opened again."`
	Hold       *HoldChange       `json:"hold,omitempty" doc:"What became of a hold on the release, and whose it is."`
	Settlement *SettlementCounts `json:"settlement,omitempty" doc:"What the settlement reached, in numbers."`
	Erased     *ErasedWords      `json:"erased,omitempty" doc:"What was erased."`

	// Legacy marks entries written before kinds were stored; theirs is derived.
	Legacy bool `json:"legacy,omitempty" doc:"True for entries written before kinds were stored; their kind is derived."`
}

// FieldChange is the change of one field. To is a text as it was written, anything else
// as JSON, and empty where the field was emptied; the old value is kept as a fingerprint
// only.
type FieldChange struct {
	Field string       `json:"field" doc:"The field's name; 'rolloutSteps[3]' is the step of order 3."`
	To    string       `json:"to" doc:"What was written: a text as it is, anything else as JSON, empty where the field was emptied."`
	Was   *Fingerprint `json:"was,omitempty" doc:"A fingerprint of the value before; left out where there was none."`
}

// Fingerprint identifies a value without revealing it: its length in bytes, and its
// SHA-256 in hexadecimal.
type Fingerprint struct {
	SHA256 string `json:"sha256" doc:"The SHA-256 of the value, in hexadecimal."`
	Bytes  int    `json:"bytes" doc:"The length of the value in bytes of UTF-8."`
}

// ScopedChange is a change request as it was when it joined a release or left it.
type ScopedChange struct {
	ID          string      `json:"id" doc:"The id."`
	CABDecision CABDecision `json:"cabDecision" doc:"What the CAB had decided."`
	Digest      string      `json:"digest,omitempty" doc:"Identifies the content that the CAB decides on, as it was then."`
}

// StepCompletion says that a step of a plan was completed or opened again.
type StepCompletion struct {
	Plan      PlanName `json:"plan" doc:"Which plan."`
	Order     int      `json:"order" doc:"Its place in the plan."`
	Completed bool     `json:"completed" doc:"Whether it is done."`
}

// SettlementCounts are what a settlement reached in the end.
type SettlementCounts struct {
	Epoch   int `json:"epoch" doc:"Which transition it followed."`
	Changes int `json:"changes" doc:"How many change requests it reached."`
	Tasks   int `json:"tasks" doc:"How many tasks it reached, those included that kept their status."`
	Missing int `json:"missing,omitempty" doc:"How many linked tasks no longer existed. Left out where none was missing."`
}

// ErasedWords is what was erased from an entry: the words are gone, and what remains can
// still be proved.
type ErasedWords struct {
	Entry  string   `json:"entry" doc:"The entry from which something was erased."`
	Values []string `json:"values" doc:"What was erased: 'author', 'email' (the entry's 'authorEmail'), 'subject', 'text', or 'to0' and 'was0' of the first field in 'changes'."`
}

// Erasable is a part of an entry that may hold a person's name or words.
type Erasable string

// Erasables lists what can be erased of an entry: "changes" are all values of its fields.
var Erasables = []Erasable{"author", "authorEmail", "subject", "text", "changes"}

// ParseErasable matches a part of an entry without regard to case.
func ParseErasable(s string) (Erasable, bool) { return parseEnum(s, Erasables) }

// EntryBy is an entry by the person in the stamp, at its time to the millisecond.
func EntryBy(kind LogKind, text string, stamp Stamp) LogEntry {
	e := LogEntry{
		Kind: kind, Timestamp: stamp.At.UTC().Truncate(time.Millisecond), Author: stamp.By.Author(), AuthorEmail: stamp.By.Email, Subject: stamp.By.Subject, Text: text,
	}
	if stamp.By.Email != "" && !stamp.By.EmailVerified {
		e.AuthorEmailVerified = new(bool)
	}
	return e
}

// noteMark is where a note begins in the text of an entry.
const noteMark = "\nNote: "

// DecisionText words a decision of the CAB for a log.
func DecisionText(d CABDecision, note string) string {
	text := "The CAB " + string(d) + " it"
	if note != "" {
		text += noteMark + note
	}
	return text
}

// DecisionNote is the note in the text of a decision.
func DecisionNote(text string) string {
	_, note, _ := strings.Cut(text, noteMark)
	return note
}
