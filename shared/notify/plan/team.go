package plan

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// member is somebody who works on a release (who is nil where they did, and no longer do),
// with what they were told of its window.
type member struct {
	key string
	who *mail.Member
	row mail.RecipientState
}

// team reads what those who work on a release know of its window, and has the snapshot know
// who they are: a requester's notice says what the reader does in the release. Their number is
// bounded by that of the steps.
func (p *Planner) team(ctx context.Context, s *mail.Snapshot) ([]member, error) {
	if !s.Off() && s.Status != release.Scheduled {
		return nil, nil
	}
	s.Team = mail.Team(s.Release)
	rows, err := p.store.TeamStates(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	var all []member
	for key, row := range rows {
		all = append(all, member{key: key, who: s.Team[key], row: row})
		if who := s.Team[key]; who != nil {
			who.Sequence = row.Sequence
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.Team)) {
		if _, there := rows[key]; !there {
			all = append(all, member{key: key, who: s.Team[key], row: mail.RecipientState{ReleaseID: s.ID, Recipient: key, Team: true}})
		}
	}
	return all, nil
}

// notifyTeam has everybody who works on a release know its window, after its requesters do:
// whoever is one of them as well gets one mail. It returns how many mails were new.
func (p *Planner) notifyTeam(ctx context.Context, s mail.Snapshot, team []member) (int, error) {
	var planned atomic.Int64
	err := parallel(ctx, team, func(ctx context.Context, _ int, m member) error {
		for range attempts {
			var latest mail.Mail
			var err error
			if m.row.MailID != "" && (s.Off() || m.who == nil || m.row.Effect != s.WindowVersion) {
				if latest, _, err = p.store.Mail(ctx, m.row.MailID); err != nil {
					return err
				}
			}
			step, changes := s.DecideTeam(m.row, latest, m.who)
			if !changes {
				return nil
			}
			if step, err = p.besides(ctx, s, m, step); err != nil {
				return err
			}
			saved, err := p.take(ctx, s, step)
			if err != nil {
				return err
			}
			if saved {
				if step.Notice != nil {
					planned.Add(1)
				}
				return nil
			}
			rows, err := p.store.TeamStates(ctx, s.ID)
			if err != nil {
				return err
			}
			if row, there := rows[m.key]; there {
				m.row = row
			}
		}
		return fmt.Errorf("plan: what is to be told to the team of %s still changed after %d attempts", s.ID, attempts)
	})
	return int(planned.Load()), err
}

// besides adapts what a member of the team is to be told to what they were told as a
// requester: nothing where that mail says it all, and one event in their calendar.
func (p *Planner) besides(ctx context.Context, s mail.Snapshot, m member, step mail.Step) (mail.Step, error) {
	if step.Notice == nil {
		return step, nil
	}
	row, err := p.store.RecipientState(ctx, s.ID, m.key)
	if err != nil || row.MailID == "" {
		return step, err
	}
	latest, there, err := p.store.Mail(ctx, row.MailID)
	if err != nil {
		return step, err
	}
	if there && latest.State != mail.Superseded {
		n, err := mail.Decode(latest.Snapshot)
		if err == nil && n.Covers(*step.Notice) {
			return step.CoveredBy(row), nil
		}
	}
	if m.who == nil && !s.Off() && row.HasEvent() {
		step = step.WithoutEvent() // it still takes place for them, as a requester
	}
	return s.Renumbered(step, row.Sequence), nil
}
