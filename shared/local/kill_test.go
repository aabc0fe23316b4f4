package local

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"example.com/releases/shared/local/kill"
)

// What make kill does fifty times.
func TestKill_OfHostAndEngine_LosesAndRepeatsNothing(t *testing.T) {
	const seed = 1
	err := kill.Run(t.Context(), kill.Options{
		Kills: 2, Seed: seed, Brief: true, Verify: Verify, Out: writer{t},
		Command: func(args ...string) *exec.Cmd {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "PLAY_LOCAL="+strings.Join(args, " "))
			return cmd
		},
	})
	if err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
}

// writer logs what a command prints.
type writer struct{ t *testing.T }

func (w writer) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimRight(string(p), "\n"))
	return len(p), nil
}
