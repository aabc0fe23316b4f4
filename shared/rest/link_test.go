package rest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/releases/shared/local/bootstrap"
	"example.com/releases/shared/release"
	"example.com/releases/shared/rest"
)

// A function's binary links only what it serves: get-release must link neither other handlers nor any
// write. That keeps its start fast, and shared/shipped derives its rights from what is linked.
func TestLink_OneFunction_HasItsOwnRouteOnly(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "bootstrap")
	// Built as it ships, but with symbols, so that the compiled packages come from the same cache.
	env, err := bootstrap.Environment("../..")
	if err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-ldflags=", "-o", binary, "../../functions/get-release")
	build.Env = append(os.Environ(), env...)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	symbols, err := exec.Command("go", "tool", "nm", binary).Output()
	if err != nil {
		t.Fatal(err)
	}
	const module = "example.com/releases/shared/"
	for symbol, want := range map[string]bool{
		"rest.getRelease": true, "operations.(*Operations).GetRelease": true, "dynamo.(*Store).ReleaseDetail": true,
		"rest.createRelease": false, "rest.Routes": false, "rest.CreateRelease": false,
		"operations.(*Operations).CreateRelease": false, "operations.(*Operations).GetTask": false,
		"dynamo.(*Store).Transition": false, "dynamo.(*Store).transact": false,
	} {
		if got := strings.Contains(string(symbols), " "+module+symbol+"\n"); got != want {
			t.Errorf("%s is linked: %v, want %v", symbol, got, want)
		}
	}
}

// What a route says of itself is constant (see above), so that what the rows of the lifecycle
// say is typed there once more.
func TestCompleteStep_About_NamesTheStatuses(t *testing.T) {
	for _, want := range []string{
		"the rollout plan can be completed while the release is " + release.Either(release.CompletableIn[release.RolloutPlan]) + ",",
		"the rollback plan while it is " + release.Either(release.CompletableIn[release.RollbackPlan]) + ".",
	} {
		if !strings.Contains(rest.CompleteStep.About, want) {
			t.Errorf("%q does not say: %s", rest.CompleteStep.About, want)
		}
	}
}
