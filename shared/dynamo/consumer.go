package dynamo

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// Consumer is a function that a table's stream invokes, and the writes it listens to. Its
// filters are those of its event source mapping in the template; a test keeps the two
// equal.
type Consumer struct {
	Function string // as its folder and the template name it
	Table    string // Releases, Changes or Mail
	Filters  []Filter
}

// Filter matches writes with one of the words; where it names a status, only those after
// which the release has that status.
type Filter struct {
	Ops    []Op
	Status release.Status
}

// SettleChanges listens to the transitions that change requests follow.
func SettleChanges() Consumer {
	return Consumer{Function: "settle-changes", Table: "Releases", Filters: []Filter{
		{Ops: transitions(func(t release.Transition) bool { return t.Settles })},
	}}
}

// SettleTasks listens to settlements that reached a change request.
func SettleTasks() Consumer {
	return Consumer{Function: "settle-tasks", Table: "Changes", Filters: []Filter{{Ops: []Op{opFollow}}}}
}

// Announce listens to every transition, and to everything else that people are told of:
// the end of a settlement, and changes to the window, the scope or a decision of the CAB
// while the release is scheduled.
func Announce() Consumer {
	return Consumer{Function: "announce", Table: "Releases", Filters: []Filter{
		{Ops: transitions(func(release.Transition) bool { return true })},
		{Ops: []Op{OpSettled}},
		{Ops: []Op{OpLink, OpPatch, OpDecide}, Status: release.Scheduled},
	}}
}

// PlanNotices listens to notice jobs that were opened.
func PlanNotices() Consumer {
	return Consumer{Function: "plan-notices", Table: "Mail", Filters: []Filter{{Ops: []Op{opPlan}}}}
}

// SendMail listens to mails that were put into the outbox, and to whoever asks for a look
// at those that wait.
func SendMail() Consumer {
	return Consumer{Function: "send-mail", Table: "Mail", Filters: []Filter{{Ops: []Op{opSend, opWake}}}}
}

// Consumers lists every consumer of a stream.
func Consumers() []Consumer {
	return []Consumer{SettleChanges(), SettleTasks(), Announce(), PlanNotices(), SendMail()}
}

// transitions are the words of the chosen rows of the lifecycle.
func transitions(chosen func(release.Transition) bool) []Op {
	var ops []Op
	for _, t := range release.Lifecycle {
		if chosen(t) {
			ops = append(ops, opOfStatus(t.To))
		}
	}
	return ops
}

// Hears tells whether a record of the table's stream is for the consumer, judging by the
// item after the write. The mapping's filter says the same; a record that arrives anyway,
// sent by hand or left by a newer version, is ignored.
func (c Consumer) Hears(after map[string]types.AttributeValue) bool {
	op := opOf(after)
	return slices.ContainsFunc(c.Filters, func(f Filter) bool {
		return slices.Contains(f.Ops, op) && (f.Status == "" || f.Status == release.Status(str(after, "status")))
	})
}

// SilentOp is a word that invokes no function of a table's stream, and the reason.
type SilentOp struct {
	Table string
	Op    Op
	Why   string
}

// SilentOps lists every word that no consumer of its table listens to. Together with
// those that consumers listen to, these are all the words that are written.
func SilentOps() []SilentOp {
	return []SilentOp{
		{"Releases", opCreate, "it is planned, and people hear of it once it is scheduled"},
		{"Releases", opDelete, "only what is planned or cancelled can be deleted, and a cancellation was announced"},
		{"Releases", opHold, "nothing moves by it, and people are told of what moves"},
		{"Releases", opErase, "nobody has to be told of it"},
		{"Releases", opThrough, "the last change request to follow also ends the settlement, which is listened to"},
		{"Releases", opAnnounced, "announce writes it itself"},
		{"Releases", opRest, "it only takes the release out of the sweep's index"},
		{"Releases", opKept, "it tells of what happened long ago"},
		{"Releases", opPostponed, "it only puts the release behind others in the sweep's index"},
		{"Changes", opCreate, "it is in no release, and has no tasks"},
		{"Changes", OpPatch, "tasks follow settlements only; the release is written in the same transaction"},
		{"Changes", OpLink, "tasks follow settlements only; the release is written in the same transaction"},
		{"Changes", OpDecide, "tasks follow settlements only; the release is written in the same transaction"},
		{"Changes", opErase, "nobody has to be told of it"},
		{"Changes", opFree, "a cancellation and a removal change no task"},
		{"Mail", opWait, "tend-outbox or heads-up finds it when it is due"},
		{"Mail", opPlanning, "whoever wrote it is planning it; heads-up opens one that was forgotten"},
		{"Mail", opPlanned, "the job is done"},
		{"Mail", opRest, "there is nothing to look at: the window is over, the release is no longer scheduled, or no mail waits"},
		{"Mail", opOfState(mail.Sending), "whoever wrote it is sending it"},
		{"Mail", opOfState(mail.Sent), "it has ended"},
		{"Mail", opOfState(mail.Failed), "it has ended"},
		{"Mail", opOfState(mail.Suppressed), "it has ended"},
		{"Mail", opOfState(mail.Superseded), "it has ended"},
		{"Mail", opOfState(mail.Unknown), "only SES's Send event or an operator settles it"},
	}
}
