package dynamo

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// Op is the word that a write leaves on an item to say what it did. The filters of the
// tables' event source mappings match it, so that a write invokes only the functions that
// it concerns: see Consumers for who listens to which, and SilentOps for the others. What
// a filter does not name never reaches a function, and nothing fails: hence a type of its
// own, which no string converts to, and lists that tests keep equal to the template.
//
// The words are stored in items and in deployed filters. None is ever renamed.
type Op struct{ word string }

// The words of releases and change requests. A transition leaves the status that the
// release enters, see opOfStatus.
var (
	opCreate    = Op{"create"}
	OpPatch     = Op{"patch"}  // an edit by a person
	OpLink      = Op{"link"}   // change requests were linked to a release, or removed from one
	OpDecide    = Op{"decide"} // the CAB decided
	opHold      = Op{"hold"}   // a hold was placed, replaced or lifted
	opErase     = Op{"erase"}  // words were taken out of the record
	opDelete    = Op{"delete"} // the release is marked for deletion
	opFree      = Op{"free"}   // the change request is in no release any more
	opFollow    = Op{"follow"} // a settlement reached the change request
	opThrough   = Op{"through"}
	OpSettled   = Op{"settled"} // the settlement is complete
	opAnnounced = Op{"announced"}
	opRest      = Op{"rest"}      // nothing about the release is unfinished; of a job: it is not due any more
	opKept      = Op{"kept"}      // what an earlier version did not keep for the public was written down
	opPostponed = Op{"postponed"} // what is unfinished could not be repaired
)

// The words of the Mail table. A mail that is being sent, or has ended, carries its
// state, see opOfState.
var (
	opSend     = Op{"send"}     // a mail is to be sent
	opWake     = Op{"wake"}     // somebody has to look for mails to send
	opWait     = Op{"wait"}     // a mail or a job waits until it is due
	opPlan     = Op{"plan"}     // a job is open
	opPlanning = Op{"planning"} // a job is being planned, and has come some way
	opPlanned  = Op{"planned"}  // a settlement's job is done; in earlier versions, a window's too
)

// opOfStatus is the word of a transition.
func opOfStatus(s release.Status) Op { return Op{string(s)} }

// opOfState is the word of a mail that is being sent or has ended.
func opOfState(s mail.State) Op { return Op{string(s)} }

// String is the word as it is stored.
func (o Op) String() string { return o.word }

const opAttribute = "op"

func opOf(i item) Op { return Op{str(i, opAttribute)} }

func (o Op) value() types.AttributeValue { return text(o.word) }

func (e *expression) op(o Op) *expression { return e.set(opAttribute, o.value()) }
