package chaos_test

import "slices"

// judgeOutcomes checks I4 and I5: what was acknowledged is logged once, what was refused is
// not, and what nobody knows the outcome of is logged once or not at all.
func (v *verdict) judgeOutcomes() {
	kinds := map[string][]string{
		"transition": {"transition"}, "note": {"note"}, "hold": {"hold"}, "decide": {"decision"},
		"edit-change": {"edit", "approval-voided"}, "describe": {"edit"}, "create": {"created"},
	}
	for _, o := range v.ops {
		switch {
		case o.refused():
			v.met.Refused++
		case o.ret == 0:
			v.met.Unknown++
		}
		if !o.note {
			continue
		}
		count := map[string]int{} // by log
		for _, p := range v.places[o.name] {
			if slices.Contains(kinds[o.kind], p.kind) {
				count[p.log]++
			}
		}
		most := 0
		for log, n := range count {
			most = max(most, n)
			if o.target != "" && log != o.target && o.kind != "decide" && o.kind != "edit-change" {
				v.fault("%s %s of %s stands in the log of %s", o.kind, o.name, o.target, log)
			}
		}
		switch {
		case most > 1:
			v.fault("%s %s of %s is logged %d times, want once at most", o.kind, o.name, o.target, most)
		case o.acked() && (count[o.target] != 1):
			v.fault("%s %s of %s was acknowledged, and its log has it %d times: %d %s", o.kind, o.name, o.target, count[o.target], o.answer.Status, o.answer.Text)
		case o.refused() && most > 0:
			v.fault("%s %s of %s was refused, and is logged: %d %s", o.kind, o.name, o.target, o.answer.Status, o.answer.Text)
		}
	}
	for _, o := range v.ops {
		if o.kind == "delete" && o.acked() && v.histories[o.target].there {
			v.fault("%s was deleted, by %s, and is there", o.target, o.name)
		}
	}
}

// judgeOrder checks the order of I10: what was acknowledged before another request began is
// logged before it.
func (v *verdict) judgeOrder() {
	byName := map[string]*op{}
	for _, o := range v.ops {
		byName[o.name] = o
	}
	type logged struct {
		at int
		op *op
	}
	logs := map[string][]logged{}
	for name, places := range v.places {
		if o := byName[name]; o != nil {
			for _, p := range places {
				logs[p.log] = append(logs[p.log], logged{p.at, o})
			}
		}
	}
	for log, all := range logs {
		for _, a := range all {
			for _, b := range all {
				if a.op != b.op && a.op.acked() && a.op.ret < b.op.call && a.at > b.at {
					v.fault("%s: %s %s ended before %s %s began, and stands after it", log, a.op.kind, a.op.name, b.op.kind, b.op.name)
				}
			}
		}
	}
}
