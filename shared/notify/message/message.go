// Package message words notices: subject, text, HTML and the calendar's event, for
// people who never heard of releases. It must know neither tables nor SES.
package message

import (
	"errors"
	"fmt"
	"time"
	_ "time/tzdata" // the organisation's zone must be there wherever this runs

	"example.com/releases/shared/calendar"
	"example.com/releases/shared/mail"
)

// Message is a notice in words.
type Message struct {
	Subject string
	Text    string
	HTML    string
	// Calendar is the attached event; nil for none.
	Calendar *Attachment
}

// Attachment is a file that goes with a message.
type Attachment struct {
	Name        string
	ContentType string
	Content     []byte
}

// Writer words notices for one organisation.
type Writer struct {
	zone         *time.Location
	organisation string
	organizer    calendar.Organizer
}

// Options are what an organisation's mails have in common.
type Options struct {
	// Zone is the organisation's zone, an IANA name; empty is UTC.
	Zone string
	// Organisation is its name; empty for none.
	Organisation string
	// Name and Address are what mails come from, and so the organizer of their calendar events.
	Name, Address string
}

// New returns a writer of an organisation's mails.
func New(o Options) (*Writer, error) {
	location, err := time.LoadLocation(o.Zone)
	if err != nil {
		return nil, fmt.Errorf("message: the organisation's zone: %w", err)
	}
	if o.Address == "" {
		return nil, errors.New("message: calendar events need an organizer: the address that mails come from")
	}
	return &Writer{zone: location, organisation: clip(o.Organisation, maxOrganisation), organizer: calendar.Organizer{Name: o.Name, Address: o.Address}}, nil
}

// maxOrganisation bounds the organisation's name, in bytes.
const maxOrganisation = 160

// Write words a notice. The same notice always gives the same message.
func (w *Writer) Write(n mail.Notice) (Message, error) {
	v, err := w.view(n)
	if err != nil {
		return Message{}, err
	}
	body, err := v.html()
	if err != nil {
		return Message{}, err
	}
	l := Message{Subject: v.Subject, Text: v.text(), HTML: body}
	if n.UID != "" && !n.Window.Start.IsZero() {
		l.Calendar = w.event(n, v)
	}
	return l, nil
}

// view is what text and HTML both show, in the order they show it. Names in it are isolated;
// see isolate.
type view struct {
	Organisation string
	ReleaseID    string
	Subject      string
	Title        string // the main message
	Greeting     string
	Lead         string // the sentence that states it
	Touch        string // what has to be known about it; may be empty
	Facts        []detailRow
	Lists        []list   // the reader's tasks, and their steps
	After        []string // what it means for the reader
	Link         string
	Footer       []string
	Mood         string // colours the HTML's rule: plan, change, off, done
}

// list is what a mail lists under a heading, and how many there are beyond that.
type list struct {
	Heading string
	Items   []mail.Task
	More    string
}

// list adds a list, unless there is nothing in it.
func (v *view) list(heading string, items []mail.Task, more int) {
	l := list{Heading: heading, Items: items}
	if more > 0 {
		l.More = fmt.Sprintf("… and %d more", more)
	}
	if len(items)+more > 0 {
		v.Lists = append(v.Lists, l)
	}
}

// detailRow is a labelled line, or several.
type detailRow struct {
	Label string
	Lines []string
	Was   bool // no longer true, as the label says
	Prose bool // somebody's own words, which have a direction of their own
}
