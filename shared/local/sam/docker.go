package sam

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// docker runs a docker command; what that writes to stderr becomes the error.
func docker(ctx context.Context, in []byte, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Stdin = bytes.NewReader(in)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", args[0], err, strings.TrimSpace(complaint.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

// Ready returns an error that says why sam local cannot run here, or nil.
func Ready(ctx context.Context) error {
	if runtime.GOOS != "linux" {
		return errors.New("make sam-local knows Docker on Linux only; make run needs no Docker at all")
	}
	_, err := exec.LookPath("docker")
	if err == nil {
		_, err = docker(ctx, nil, "version", "--format", "{{.Server.Version}}")
	}
	if err != nil {
		return fmt.Errorf("sam local needs a Docker engine, and none answers here (%w).\n"+
			"On Debian as root: apt-get install docker.io, then start dockerd (or set DOCKER_HOST). "+
			"Without one, make run serves the same functions with nothing but Go and Java", err)
	}
	return nil
}

// image is the tag that sam local looks for. If it exists, sam local neither pulls nor builds
// it.
func image() string {
	return "public.ecr.aws/lambda/provided:al2023-rapid-" + architecture()
}

func architecture() string {
	if runtime.GOARCH == "arm64" {
		return "arm64"
	}
	return "x86_64"
}

// makeImage builds the image that sam local needs, unless it exists: our bootstraps are
// static, so the image only needs the emulator of the Runtime API, which ships with SAM. It
// reports whether it made the image, which then has to be removed.
func makeImage(ctx context.Context, venv string) (created bool, err error) {
	if _, err := docker(ctx, nil, "image", "inspect", "--format", "{{.Id}}", image()); err == nil {
		return false, nil
	}
	pattern := filepath.Join(venv, "lib", "python*", "site-packages", "samcli", "local", "rapid", "aws-lambda-rie-"+architecture())
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		return false, fmt.Errorf("SAM's emulator of the Runtime API is not where it was: %s", pattern)
	}
	emulator, err := os.ReadFile(found[0])
	if err != nil {
		return false, err
	}
	var layers bytes.Buffer
	w := tar.NewWriter(&layers)
	for _, dir := range []struct {
		name string
		mode int64
	}{{"tmp/", 0o1777}, {"var/", 0o755}, {"var/task/", 0o755}, {"var/rapid/", 0o755}} {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir.name, Mode: dir.mode}); err != nil {
			return false, err
		}
	}
	if err := w.WriteHeader(&tar.Header{Name: "var/rapid/aws-lambda-rie", Mode: 0o755, Size: int64(len(emulator))}); err != nil {
		return false, err
	}
	if _, err := w.Write(emulator); err != nil {
		return false, err
	}
	if err := w.Close(); err != nil {
		return false, err
	}
	_, err = docker(ctx, layers.Bytes(), "import", "--change", `ENTRYPOINT ["/var/rapid/aws-lambda-rie","--log-level","error"]`, "-", image())
	return err == nil, err
}

// makeNetwork creates a network for our containers alone, and returns the address at which
// they reach this machine. A network of the same name, left over from an earlier run, is
// removed.
func makeNetwork(ctx context.Context, name string) (address string, err error) {
	removeNetwork(ctx, name)
	if _, err := docker(ctx, nil, "network", "create", name); err != nil {
		return "", err
	}
	address, err = docker(ctx, nil, "network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", name)
	if err == nil && net.ParseIP(address) == nil {
		err = fmt.Errorf("the network %s has no gateway but %q", name, address)
	}
	return address, err
}

// removeNetwork removes a network and the containers in it: they can outlive sam.
func removeNetwork(ctx context.Context, name string) {
	if ids, err := docker(ctx, nil, "ps", "--all", "--quiet", "--filter", "network="+name); err == nil && ids != "" {
		_, _ = docker(ctx, nil, append([]string{"rm", "--force"}, strings.Fields(ids)...)...)
	}
	_, _ = docker(ctx, nil, "network", "rm", name)
}
