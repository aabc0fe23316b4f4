package demo

import (
	"context"
	"strings"
)

// stop shows how anybody on the deployment can hold the release, and how the hold is lifted.
func (s *walkthrough) stop(ctx context.Context) error {
	s.title("Somebody stops the deployment, and then lets it go on")
	const why = "The disk of the second node is full"
	hold := "/api/releases/" + s.releaseID + "/hold"
	s.asked("auditor", "POST /api/releases/"+s.releaseID+"/log hold")
	if err := s.Must(ctx, s.run.Tokens.Auditor, "POST", "/api/releases/"+s.releaseID+"/log", object{"text": why, "hold": true}, nil); err != nil {
		return err
	}
	_, p, err := s.transition(ctx, object{"status": "deployed"})
	if err != nil {
		return err
	}
	if p == nil {
		s.check(false, "the release was deployed although it was held")
		return nil
	}
	s.refused(p)
	s.check(p.Status == 409 && p.Code == "held" && strings.Contains(p.Detail, why), "the refusal is %d %s and does not say why: %s", p.Status, p.Code, p.Detail)
	s.asked("auditor", "DELETE "+hold)
	if err := s.Must(ctx, s.run.Tokens.Auditor, "DELETE", hold, nil, nil); err != nil {
		return err
	}
	s.line("the hold is lifted; the log says who placed it, who lifted it, and when")
	return nil
}
