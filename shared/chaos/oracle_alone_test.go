package chaos_test

import (
	"encoding/json"
	"fmt"
)

// judgeWithoutSweep checks what streams have to achieve before any sweep has run: a record that
// was not finished is delivered again until it is, so that only records that were given up are
// left to the sweep. The sweep repairs everything, so later checks would not notice a consumer
// that acknowledges what it has not done.
func (w *simulation) judgeWithoutSweep() {
	v := &verdict{simulation: w, ask: w.client(98), histories: map[string]*history{}, places: map[string][]place{}}
	on := map[string]bool{}
	for _, e := range w.bus.Events() {
		var d struct{ EventID string }
		if err := json.Unmarshal(e.Detail, &d); err != nil {
			v.fault("an event that cannot be read: %v", err)
		}
		on[d.EventID] = true
	}
	for _, id := range v.ids("ReleasesTable", "REL#") {
		v.readRelease(id)
		h, epoch, settles := v.histories[id], 0, 0
		for _, e := range h.log {
			if e.Kind != "transition" {
				continue
			}
			epoch++
			if event := fmt.Sprintf("%s#%d", id, epoch); !on[event] {
				v.fault("no record was given up, and without the sweep %s is not on the bus", event)
			}
			if e.Status == "deployed" || ended(e.Status) {
				settles = epoch
			}
		}
		if s := h.is.Settlement; h.there && settles > 0 && (s == nil || s.Epoch != settles || s.State != "settled") {
			v.fault("no record was given up, and without the sweep the settlement of %s, epoch %d, is %+v", id, settles, s)
		}
	}
}
