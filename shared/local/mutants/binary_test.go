package main

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

// What go test prints for a test whose subtests run in parallel says that it took no time; and
// a test that ran out of time is not reported as failed.
func TestRead_SubtestsAndTimeOut(t *testing.T) {
	o := outcome{took: map[string]time.Duration{}, reached: map[string]map[string]bool{}}
	o.read(bytes.NewBufferString(`=== RUN   TestParallel
=== RUN   TestParallel/seed_0
=== RUN   TestParallel/seed_1
--- PASS: TestParallel (0.00s)
    --- PASS: TestParallel/seed_0 (4.50s)
    --- PASS: TestParallel/seed_1 (5.00s)
        --- PASS: TestParallel/seed_1/part (4.00s)
=== RUN   TestAlone
=== RUN   TestAlone/part
--- PASS: TestAlone (2.25s)
    --- PASS: TestAlone/part (2.00s)
=== RUN   TestEndless
panic: test timed out after 20s
`))
	if o.took["TestParallel"] != 9500*time.Millisecond || o.took["TestAlone"] != 2250*time.Millisecond {
		t.Errorf("they took %v", o.took)
	}
	if !o.timedOut || !slices.Equal(o.failed, []string{"TestEndless"}) {
		t.Errorf("timed out %v, failed %v", o.timedOut, o.failed)
	}
}
