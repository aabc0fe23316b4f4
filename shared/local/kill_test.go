package local

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/local/kill"
	"example.com/releases/shared/local/load"
)

// make kill kills fifty times; this does it twice.
func TestKill_OfHostAndEngine_LosesAndRepeatsNothing(t *testing.T) {
	const seed = 10
	if err := kill.Run(t.Context(), kill.Options{Kills: 2, Seed: seed, Brief: true, Verify: Verify, Out: writer{t}, Command: played}); err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
}

// A few seconds of what make load does for a minute: no answer but those that a busy host may
// give, and no lost write.
func TestLoad_ManyUsersAtOnce_OnlyBusyAnswersAndNoLostWrite(t *testing.T) {
	const seed = 10
	if err := load.Run(t.Context(), load.Options{Slices: 2, Slice: 2 * time.Second, Users: 12, Seed: seed, Out: writer{t}, Command: played}); err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
}

// played returns a command that runs the host from the test binary: see TestMain.
func played(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PLAY_LOCAL="+strings.Join(args, " "))
	return cmd
}

// writer logs what a command prints.
type writer struct{ t *testing.T }

func (w writer) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimRight(string(p), "\n"))
	return len(p), nil
}
