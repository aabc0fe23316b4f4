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
	fmt.Fprintf(&b, "%s holds. Entries: %d, all as they were sealed. Tree: %s, size %d.\n", v.ReleaseID, v.Entries, v.Checkpoint.Origin, v.Checkpoint.Size)
	for _, line := range []struct {
		n     int
		words string
	}{
		{v.Unsealed, "Not sealed yet: %d. Nothing proves these until they are sealed, in a minute or two."},
		{v.Trimmed, "Trimmed notes: %d. That they existed is proved; what they said is gone."},
		{v.Erased, "Erased words or names: %d. For each, an entry of the record says who erased it, and when."},
		{v.TakenOver, "From before sealing began: %d. Nothing proves what these said before they were sealed."},
	} {
		if line.n > 0 {
			fmt.Fprintf(&b, "  "+line.words+"\n", line.n)
		}
	}
	for _, name := range v.Kept {
		fmt.Fprintf(&b, "  Compared with %s: nothing in it is missing or was changed.\n", name)
	}
	if len(v.Kept) == 0 {
		b.WriteString("  Not compared with anything kept earlier: it would not show if the newest entries had been cut off, or the whole tree had been rebuilt. See --since.\n")
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
	flags.DurationVar(&within, "within", record.SealedWithin, "how much later than its own time an entry may have been sealed; give more if you know that seal-record did not run for a while")
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
