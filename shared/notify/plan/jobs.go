package plan

import (
	"context"
	"errors"
	"time"

	"example.com/releases/shared/mail"
)

// lookAfterJobs brings forgotten jobs on their way again.
func (p *Planner) lookAfterJobs(ctx context.Context, report *Report) error {
	now := p.now()
	due, err := p.store.DueJobs(ctx, now)
	if err != nil {
		return err
	}
	overdue := 0
	var failures []error
	for _, k := range due {
		late, err := p.lookAfterJob(ctx, k, now, report)
		failures = append(failures, err)
		if late {
			overdue++
		}
	}
	if err = errors.Join(failures...); err == nil {
		report.Overdue = &overdue
	}
	return err
}

// lookAfterJob opens a job again that nobody finished, and tells whether it was one. One
// that waits for its settlement is opened once that is complete, and costs a read until
// then.
func (p *Planner) lookAfterJob(ctx context.Context, k mail.JobKey, now time.Time, report *Report) (late bool, err error) {
	job, found, err := p.store.Job(ctx, k)
	if err != nil || !found || !job.Open && !job.Wait || !job.DueAt.Before(now) {
		return false, err
	}
	if epoch, settlement := k.Epoch(); settlement {
		r, there, err := p.store.SettlingRelease(ctx, k.ReleaseID)
		if err != nil {
			return false, err
		}
		if there && r.Settling != nil && r.Settling.Epoch == epoch && !r.Finished {
			return false, nil
		}
	}
	report.Woken++
	if job.Wait {
		return false, p.store.OpenSettlement(ctx, k, now)
	}
	return true, p.store.OpenJob(ctx, k, now)
}
