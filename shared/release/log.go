package release

import "time"

// LogKind tells what an entry of a release's log, or of a change request's, is about.
// Only notes are written by people; every other kind is left by the operation itself.
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
	LogSettlement     LogKind = "settlement"
	LogDeleted        LogKind = "deleted"
)

// LogKinds lists the kinds of a release's log.
var LogKinds = []LogKind{
	LogNote, LogCreated, LogTransition, LogEdit, LogScope, LogDecision, LogApprovalVoided, LogStep, LogSettlement, LogDeleted,
}

// ParseLogKind matches a kind without regard to case.
func ParseLogKind(s string) (LogKind, bool) { return parseEnum(s, LogKinds) }

// LogEntry is one entry of the deployment log, or of a change request's record. ID orders
// the entries of one log by acceptance. What an entry tells beyond its text depends on its
// kind; what a kind does not tell is empty.
type LogEntry struct {
	ID        string    `json:"id"`
	Kind      LogKind   `json:"kind"`
	Timestamp time.Time `json:"timestamp"`
	Author    string    `json:"author"`
	// AuthorEmail is as the token carried it; AuthorEmailVerified is false where the
	// token did not say that it is the author's own, and left out otherwise.
	AuthorEmail         string `json:"authorEmail,omitempty"`
	AuthorEmailVerified *bool  `json:"authorEmailVerified,omitempty"`
	// Subject is the token's sub, which no two people share; of the system's own entries
	// it is "system".
	Subject string `json:"subject,omitempty"`
	Text    string `json:"text"`
	// Status is the one a transition entered, or the one a note was written under.
	Status Status `json:"status,omitempty"`

	// ReleaseID is where a change request stood when this happened to it.
	ReleaseID       string      `json:"releaseId,omitempty"`
	ChangeRequestID string      `json:"changeRequestId,omitempty"`
	Decision        CABDecision `json:"decision,omitempty"`
	Digest          string      `json:"digest,omitempty"`
	// Changes are the fields as they were written: all that are not empty with the
	// beginning, those that differ with an edit, all that were decided on with a decision.
	Changes    []FieldChange     `json:"changes,omitempty"`
	Added      []ScopedChange    `json:"added,omitempty"`
	Removed    []ScopedChange    `json:"removed,omitempty"`
	Step       *StepCompletion   `json:"step,omitempty"`
	Settlement *SettlementCounts `json:"settlement,omitempty"`

	// Legacy marks entries of before kinds were kept; theirs is derived.
	Legacy bool `json:"legacy,omitempty"`
}

// FieldChange is what became of one field. To is a text as it was written, anything else
// as JSON, and empty where the field was emptied; of the old value there is a fingerprint.
type FieldChange struct {
	Field string       `json:"field"`
	To    string       `json:"to"`
	Was   *Fingerprint `json:"was,omitempty"`
}

// Fingerprint recognises a value without telling it: its length in bytes, and its SHA-256
// in hexadecimal.
type Fingerprint struct {
	SHA256 string `json:"sha256"`
	Bytes  int    `json:"bytes"`
}

// ScopedChange is a change request as it was when it joined a release or left it.
type ScopedChange struct {
	ID          string      `json:"id"`
	CABDecision CABDecision `json:"cabDecision"`
	Digest      string      `json:"digest,omitempty"`
}

// StepCompletion is what was said of a step of a plan.
type StepCompletion struct {
	Plan      PlanName `json:"plan"`
	Order     int      `json:"order"`
	Completed bool     `json:"completed"`
}

// SettlementCounts are what a settlement reached in the end.
type SettlementCounts struct {
	Epoch   int `json:"epoch"`
	Changes int `json:"changes"`
	Tasks   int `json:"tasks"`
}

// EntryBy is an entry by whom the stamp names, of its time to the millisecond.
func EntryBy(kind LogKind, text string, stamp Stamp) LogEntry {
	e := LogEntry{
		Kind: kind, Timestamp: stamp.At.UTC().Truncate(time.Millisecond), Author: stamp.By.Author(), AuthorEmail: stamp.By.Email, Subject: stamp.By.Subject, Text: text,
	}
	if stamp.By.Email != "" && !stamp.By.EmailVerified {
		e.AuthorEmailVerified = new(bool)
	}
	return e
}
