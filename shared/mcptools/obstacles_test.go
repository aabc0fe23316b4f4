package mcptools_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

func bring(name, status string) func(*course, *player) {
	return func(_ *course, p *player) { p.bring(name, status) }
}

func statusOf(name string) func(*course) string {
	return func(c *course) string { return string(c.truth(name).Status) }
}

// cab is an employer who lets the CAB approve the change requests that a request names.
func cab(c *course) employer {
	return func(request string) (map[string]any, bool) {
		var ids []string
		for _, m := range undecided.FindAllStringSubmatch(request, -1) {
			ids = append(ids, strings.Split(m[1], ", ")...)
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
		fmt.Fprintf(&c.transcript, "  the CAB approves %s\n", strings.Join(ids, ", "))
		c.decide("approved", ids...)
		return nil, len(ids) > 0
	}
}

var undecided = regexp.MustCompile(`(?:decide on|approval of) (CHG-\d+(?:, CHG-\d+)*)`)

// yes is an employer who agrees to everything.
func yes(*course) employer {
	return func(string) (map[string]any, bool) { return nil, true }
}

// first lets something happen just before the first call of a tool.
func first(tool, what string, do func(c *course)) func(*course, string) {
	return func(c *course, called string) {
		if called == tool && !c.happened {
			c.happened = true
			fmt.Fprintf(&c.transcript, "  meanwhile: %s\n", what)
			do(c)
		}
	}
}

const moves = "transition_release_status"

// obstacles returns all obstacles. Some are there twice: for a player that reads first, as the
// instructions say, and for a bold one that acts first.
func obstacles() []obstacle {
	return append(append(waitsForPeople(), misspelled()...), others()...)
}

func waitsForPeople() []obstacle {
	return []obstacle{
		{
			name: "nothing in the way", goal: `Bring "Plain" to deployed.`,
			prepare: func(c *course) { c.plan("Plain", true, "CHG-1"); c.decide("approved", "CHG-1") },
			act:     bring("Plain", "deployed"), person: yes,
			stop: "It is deployed.", truth: statusOf("Plain"), want: "deployed",
		},
		{
			name: "pending change request, read first", goal: `Bring "Mail" to approved.`,
			prepare: func(c *course) { c.plan("Mail", true, "CHG-11", "CHG-12"); c.decide("approved", "CHG-11") },
			act:     bring("Mail", "approved"), person: cab,
			stop: "It is approved.", truth: statusOf("Mail"), want: "approved",
		},
		{
			name: "pending change request, tried first", goal: `Bring "Web" to approved.`, bold: true,
			prepare: func(c *course) { c.plan("Web", true, "CHG-13", "CHG-14"); c.decide("approved", "CHG-13") },
			act:     bring("Web", "approved"), person: cab,
			refused: 1, stop: "It is approved.", truth: statusOf("Web"), want: "approved",
		},
		{
			name: "rejected change request, without a tool to remove it", goal: `Bring "Proxy" to approved.`, bold: true,
			prepare: func(c *course) {
				c.plan("Proxy", true, "CHG-15", "CHG-16")
				c.decide("approved", "CHG-15")
				c.decide("rejected", "CHG-16")
			},
			act:     bring("Proxy", "approved"),
			refused: 1, stop: "It waits for a person.", truth: statusOf("Proxy"), want: "planned",
		},
		{
			name: "rejected and pending change requests, with the toolset planning", goal: `Bring "Cache" to approved.`, bold: true, sets: "core,planning",
			prepare: func(c *course) {
				c.plan("Cache", true, "CHG-17", "CHG-18", "CHG-19")
				c.decide("approved", "CHG-17")
				c.decide("rejected", "CHG-18")
			},
			act: bring("Cache", "approved"), person: cab,
			refused: 1, stop: "It is approved.", want: "approved [CHG-17 CHG-19]",
			truth: func(c *course) string {
				b := c.truth("Cache")
				return fmt.Sprintf("%s %v", b.Status, b.LinkedChangeRequestIDs)
			},
		},
		{
			name: "missing window", goal: `Bring "Disks" to scheduled.`, bold: true,
			prepare: func(c *course) {
				c.plan("Disks", false, "CHG-21")
				c.decide("approved", "CHG-21")
				c.transition("Disks", release.Approved)
			},
			act: bring("Disks", "scheduled"),
			person: func(c *course) employer {
				return func(string) (map[string]any, bool) {
					_, err := c.ops.UpdateRelease(as("admin"), c.ids["Disks"], []byte(`{"scheduledStart":"2026-06-10T20:00:00Z","scheduledEnd":"2026-06-10T22:00:00Z"}`), operations.Precondition{})
					return nil, err == nil
				}
			},
			refused: 1, stop: "It is scheduled.", truth: statusOf("Disks"), want: "scheduled",
		},
		{
			name: "missing window, with the toolset planning", goal: `Bring "Tapes" to scheduled.`, bold: true, sets: "core,planning",
			prepare: func(c *course) {
				c.plan("Tapes", false, "CHG-22")
				c.decide("approved", "CHG-22")
				c.transition("Tapes", release.Approved)
			},
			act: bring("Tapes", "scheduled"),
			person: func(*course) employer {
				return func(string) (map[string]any, bool) {
					return map[string]any{"scheduledStart": "2026-06-11T20:00:00Z", "scheduledEnd": "2026-06-11T22:00:00Z"}, true
				}
			},
			refused: 1, stop: "It is scheduled.", truth: statusOf("Tapes"), want: "scheduled",
		},
		{
			name: "hold", goal: `Bring "Routers" to approved.`, bold: true,
			prepare: func(c *course) {
				c.plan("Routers", true)
				c.write("Routers", "auditor", "Wait for the new cable.", true)
			},
			act: bring("Routers", "approved"),
			person: func(c *course) employer {
				return func(request string) (map[string]any, bool) {
					if !strings.Contains(request, "Otto Auditor") || !strings.Contains(request, "Wait for the new cable.") {
						c.Errorf("the person does not read who holds it, and why: %s", request)
					}
					c.lift("Routers", "sub-otto")
					return nil, true
				}
			},
			refused: 1, stop: "It is approved.", truth: statusOf("Routers"), want: "approved",
		},
		{
			name: "hold that nobody lifts", goal: `Bring "Switches" to approved.`, bold: true,
			prepare: func(c *course) { c.plan("Switches", true); c.write("Switches", "auditor", "Wait.", true) },
			act:     bring("Switches", "approved"),
			refused: 1, stop: "It waits for a person.", truth: statusOf("Switches"), want: "planned",
		},
		{
			name: "low role", goal: `Bring "Phones" to approved.`, who: "viewer",
			prepare: func(c *course) { c.plan("Phones", true) },
			act:     bring("Phones", "approved"),
			stop:    "I am shown no tool " + moves, truth: statusOf("Phones"), want: "planned",
		},
		{
			name: "low role, with a list of tools from before", goal: `Bring "Phones" to approved.`, who: "auditor",
			prepare: func(*course) {},
			act: func(_ *course, p *player) {
				if p.follow(moves, map[string]any{"id": p.find("Phones"), "status": "approved"}) != nil {
					p.stop("It is approved.")
				}
			},
			refused: 1, stop: "It waits for a person.", truth: statusOf("Phones"), want: "planned",
		},
	}
}

func misspelled() []obstacle {
	spelled := func(name, status, want string, before ...release.Status) obstacle {
		return obstacle{
			name: "misspelled status " + status, goal: fmt.Sprintf("Bring %q to %s.", name, status), bold: true,
			prepare: func(c *course) { c.plan(name, true); c.transition(name, before...) },
			act:     func(_ *course, p *player) { p.bring(name, status) },
			refused: 1, stop: "It is " + want + ".", truth: statusOf(name), want: want,
		}
	}
	return []obstacle{
		spelled("Desks", "aproved", "approved"),
		spelled("Lamps", "In Progress", "in-progress", release.Approved, release.Scheduled),
		{
			name: "misnamed arguments", goal: `Write "Checked." into the log of "Desks".`, who: "auditor",
			prepare: func(*course) {},
			act: func(_ *course, p *player) {
				if p.follow("append_release_log", map[string]any{"releaseId": p.find("Desks"), "texts": "Checked."}) != nil {
					p.stop("It is written.")
				}
			},
			refused: 1, stop: "It is written.", want: "Checked.", truth: func(c *course) string {
				log := c.truth("Desks").DeploymentLog
				return log[len(log)-1].Text
			},
		},
		{
			name: "two steps at once", goal: `Bring "Chairs" to scheduled.`, bold: true,
			prepare: func(c *course) { c.plan("Chairs", true) },
			act:     bring("Chairs", "scheduled"),
			refused: 1, stop: "It is scheduled.", truth: statusOf("Chairs"), want: "scheduled",
		},
		{
			name: "two steps at once, and the first one waits", goal: `Bring "Tables" to scheduled.`, bold: true,
			prepare: func(c *course) { c.plan("Tables", true, "CHG-31") },
			act:     bring("Tables", "scheduled"), person: cab,
			refused: 1, stop: "It is scheduled.", truth: statusOf("Tables"), want: "scheduled",
		},
	}
}

func others() []obstacle {
	lost := func(name string, bold, keyed bool, refused int, stop string) obstacle {
		return obstacle{
			name: "lost answer: " + name, goal: fmt.Sprintf("Bring %q to approved.", name), bold: bold, keyed: keyed,
			prepare: func(c *course) { c.plan(name, true); c.lose.Store(1) },
			act:     func(_ *course, p *player) { p.bring(name, "approved") },
			refused: refused, stop: stop, truth: statusOf(name), want: "approved",
		}
	}
	return []obstacle{
		lost("repeated", true, false, 1, "approved already; there is nothing to do."),
		lost("repeated with a key", true, true, 0, "It is approved."),
		lost("read before it is repeated", false, false, 0, "It is approved."),
		{
			name: "lost answer: an entry", goal: `Write "Backups taken." into the log of "repeated".`, who: "auditor", bold: true, keyed: true,
			prepare: func(c *course) { c.lose.Store(1) },
			act: func(_ *course, p *player) {
				if p.follow("append_release_log", map[string]any{"id": p.find("repeated"), "text": "Backups taken."}) != nil {
					p.stop("It is written.")
				}
			},
			stop: "It is written.", want: "1", truth: func(c *course) string {
				n := 0
				for _, e := range c.truth("repeated").DeploymentLog {
					if e.Text == "Backups taken." {
						n++
					}
				}
				return fmt.Sprint(n)
			},
		},
		{
			name: "stale revision", goal: `Bring "Racks" to approved.`,
			prepare:   func(c *course) { c.plan("Racks", true) },
			act:       bring("Racks", "approved"),
			meanwhile: first(moves, "somebody edits the description", func(c *course) { c.edit("Racks") }),
			refused:   1, stop: "It is approved.", truth: statusOf("Racks"), want: "approved",
		},
		{
			name: "stale revision, and a hold", goal: `Bring "Cables" to approved.`,
			prepare:   func(c *course) { c.plan("Cables", true) },
			act:       bring("Cables", "approved"),
			meanwhile: first(moves, "somebody holds it", func(c *course) { c.write("Cables", "auditor", "Stop.", true) }),
			refused:   1, stop: "One person holds it", truth: statusOf("Cables"), want: "planned",
		},
		{
			name: "concurrent agent that makes the same step", goal: `Bring "Fans" to approved.`, bold: true,
			prepare:   func(c *course) { c.plan("Fans", true) },
			act:       bring("Fans", "approved"),
			meanwhile: first(moves, "another agent makes it approved", func(c *course) { c.transition("Fans", release.Approved) }),
			refused:   1, stop: "approved already; there is nothing to do.", truth: statusOf("Fans"), want: "approved",
		},
		{
			name: "concurrent agent that goes further", goal: `Bring "Doors" to approved.`, bold: true,
			prepare:   func(c *course) { c.plan("Doors", true) },
			act:       bring("Doors", "approved"),
			meanwhile: first(moves, "another agent makes it approved and scheduled", func(c *course) { c.transition("Doors", release.Approved, release.Scheduled) }),
			refused:   1, stop: "nothing", truth: statusOf("Doors"), want: "scheduled",
		},
		{
			name: "concurrent agent that cancels", goal: `Bring "Walls" to approved.`, bold: true,
			prepare:   func(c *course) { c.plan("Walls", true) },
			act:       bring("Walls", "approved"),
			meanwhile: first(moves, "another agent cancels it", func(c *course) { c.transition("Walls", release.Cancelled) }),
			refused:   1, stop: "its lifecycle has ended", truth: statusOf("Walls"), want: "cancelled",
		},
	}
}
