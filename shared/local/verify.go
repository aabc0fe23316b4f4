package local

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"example.com/releases/shared/record"
)

// Verify checks evidence in files, offline, and prints what holds. Its error is the first
// thing that does not, in words for an auditor.
func Verify(args []string, out io.Writer) error {
	files, since, within, err := verifyArguments(args)
	if err != nil {
		return err
	}
	pages := map[string][]record.Evidence{}
	var releases []string
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		inFile, err := record.ReadEvidence(name, data)
		if err != nil {
			return err
		}
		for _, p := range inFile {
			if pages[p.ReleaseID] == nil {
				releases = append(releases, p.ReleaseID)
			}
			pages[p.ReleaseID] = append(pages[p.ReleaseID], p)
		}
	}
	var kept []record.Kept
	for _, name := range since {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		k, err := record.ReadKept(name, data)
		if err != nil {
			return err
		}
		kept = append(kept, k)
	}
	for _, id := range releases {
		v, err := record.Verify(pages[id], kept, within)
		if err != nil {
			return fmt.Errorf("DOES NOT HOLD: %w", err)
		}
		fmt.Fprint(out, verdictInWords(v))
	}
	return nil
}

func verdictInWords(v record.Verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s holds: %d entries are as they were sealed, in the tree of %d leaves of %s.\n", v.ReleaseID, v.Entries, v.Checkpoint.Size, v.Checkpoint.Origin)
	for _, line := range []struct {
		n     int
		words string
	}{
		{v.Unsealed, "not sealed yet: nothing proves them until they are, in a minute or two"},
		{v.Trimmed, "notes that were trimmed: that they were there is proved, what they said is gone"},
		{v.Erased, "words or names that were erased, each by an entry that says so"},
		{v.TakenOver, "entries from before sealing began: nothing proves what they were until then"},
	} {
		if line.n > 0 {
			fmt.Fprintf(&b, "  %d %s.\n", line.n, line.words)
		}
	}
	for _, name := range v.Kept {
		fmt.Fprintf(&b, "  It goes on from what %s tells: nothing of that is missing or other than it was.\n", name)
	}
	if len(v.Kept) == 0 {
		b.WriteString("  Whether its newest entries were cut off, or the whole tree was made anew, shows only against something kept earlier (--since).\n")
	}
	return b.String()
}

// verifyArguments parses files and flags in any order.
func verifyArguments(args []string) (files, since []string, within time.Duration, err error) {
	flags := flag.NewFlagSet("verify", flag.ContinueOnError)
	flags.Func("since", "`file` kept earlier: an event of the bus, a checkpoint, or evidence; may be given several times", func(name string) error {
		since = append(since, name)
		return nil
	})
	flags.DurationVar(&within, "within", record.SealedWithin, "how long after its own time an entry may have been sealed; more where you know that the sealer stood still")
	for {
		if err := flags.Parse(args); err != nil {
			return nil, nil, 0, err
		}
		if flags.NArg() == 0 {
			break
		}
		files, args = append(files, flags.Arg(0)), flags.Args()[1:]
	}
	if len(files) == 0 {
		return nil, nil, 0, errors.New("verify needs files of evidence, as GET /api/releases/{id}/evidence answers it: verify FILE… [--since FILE]")
	}
	return files, since, within, nil
}
