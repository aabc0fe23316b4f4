package kill

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"example.com/releases/shared/local/client"
	"example.com/releases/shared/local/traffic"
)

// archive is what an auditor keeps elsewhere, and what of today is held against it.
type archive struct {
	dir         string
	verify      func(args []string, out io.Writer) error
	offend      func(format string, args ...any)
	kept        []kept
	checkpoints map[string]string // size → the checkpoint of a tree of that size
	verified    int
}

// kept is a file from before a kill.
type kept struct {
	file, size string
	release    string // whose evidence or event it is; empty for a checkpoint
}

func (a *archive) get(ctx context.Context, host client.RunFile, path string) ([]byte, error) {
	answer, err := (client.Client{Base: host.BaseURL}).Do(ctx, client.Request{Token: host.Tokens.Auditor, Method: http.MethodGet, Path: path})
	if err != nil {
		return nil, err
	}
	if answer.Status != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %d %s", path, answer.Status, answer.Body)
	}
	return answer.Body, nil
}

// sizeOf reads how many leaves a checkpoint's tree has: its second line.
func sizeOf(checkpoint string) string {
	lines := strings.SplitN(checkpoint, "\n", 3)
	if len(lines) < 3 {
		return ""
	}
	return lines[1]
}

func (a *archive) put(text []byte, checkpoint, release, name string) {
	size := sizeOf(checkpoint)
	if size == "" {
		return
	}
	if before, known := a.checkpoints[size]; known && before != checkpoint {
		a.offend("two trees of %s leaves have two roots:\n%s\n%s", size, before, checkpoint)
	}
	a.checkpoints[size] = checkpoint
	file := filepath.Join(a.dir, fmt.Sprintf("%03d-%s", len(a.kept), name))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		a.offend("%v", err)
		return
	}
	a.kept = append(a.kept, kept{file: file, size: size, release: release})
}

// store keeps the current checkpoint, the newest event that carries one, and the evidence of
// a release, as an auditor would.
func (a *archive) store(ctx context.Context, host client.RunFile) {
	checkpoint, err := a.get(ctx, host, "/api/record/checkpoint")
	if err != nil {
		return // nothing is sealed yet
	}
	a.put(checkpoint, string(checkpoint), "", "checkpoint.txt")
	all, err := publishedEvents(ctx, host)
	if err != nil || len(all) == 0 {
		return
	}
	e := all[len(all)-1]
	if e.Record.Checkpoint != "" {
		a.put(e.raw, e.Record.Checkpoint, e.Release.ID, "event.json")
	}
	if pages, checkpoint, err := a.evidence(ctx, host, e.Release.ID, ""); err == nil {
		a.put(pages, checkpoint, e.Release.ID, "evidence.json")
	}
}

// evidence fetches all pages of a release's evidence, one after another.
func (a *archive) evidence(ctx context.Context, host client.RunFile, release, since string) (pages []byte, checkpoint string, err error) {
	query := url.Values{}
	if since != "" {
		query.Set("since", since)
	}
	for {
		raw, err := a.get(ctx, host, "/api/releases/"+release+"/evidence?"+query.Encode())
		if err != nil {
			return nil, "", err
		}
		var page struct {
			Checkpoint string
			NextCursor string
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			return nil, "", err
		}
		pages, checkpoint = append(append(pages, raw...), '\n'), page.Checkpoint
		if page.NextCursor == "" {
			return pages, checkpoint, nil
		}
		query.Set("cursor", page.NextCursor)
	}
}

// compare verifies the evidence of so many releases offline, each against something that was
// kept: of the release itself, if there is any.
func (a *archive) compare(ctx context.Context, host client.RunFile, simulation *traffic.Simulation, most int) {
	releases := simulation.Releases()
	for i := range releases {
		id := releases[len(releases)-1-i].ID()
		if id == "" {
			continue
		}
		if most--; most < 0 {
			return
		}
		if len(a.kept) == 0 {
			a.against(ctx, host, id, kept{})
			continue
		}
		a.against(ctx, host, id, a.kept[i%len(a.kept)])
	}
	// Everything that was kept of a release, against that release as it is now.
	for _, k := range a.kept {
		if k.release != "" && most > 0 {
			a.against(ctx, host, k.release, k)
		}
	}
}

func (a *archive) against(ctx context.Context, host client.RunFile, release string, k kept) {
	pages, checkpoint, err := a.evidence(ctx, host, release, k.size)
	if err != nil {
		a.offend("the evidence of %s: %v", release, err)
		return
	}
	if sizeOf(checkpoint) == "" && k.file == "" {
		return // nothing is sealed yet
	}
	if sizeOf(checkpoint) == "" {
		a.offend("the evidence of %s has no checkpoint, although %s leaves were sealed once", release, k.size)
		return
	}
	now := filepath.Join(a.dir, "now.json")
	if err := os.WriteFile(now, pages, 0o600); err != nil {
		a.offend("%v", err)
		return
	}
	var words bytes.Buffer
	arguments := []string{now}
	if k.file != "" {
		arguments = append(arguments, "--since", k.file)
	}
	if err := a.verify(arguments, &words); err != nil {
		a.offend("the evidence of %s against %s: %v", release, filepath.Base(k.file), err)
	}
	a.verified++
}
