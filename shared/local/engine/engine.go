// Package engine is the embedded database of laptops and tests: it fetches DynamoDB Local
// once, starts it as a child, and makes sure that it never outlives us. It must not know what
// is stored in it beyond the tables of a template.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// EndpointVariable is the environment variable that selects another engine.
const EndpointVariable = "DYNAMODB_ENDPOINT"

// Options are the settings of a start.
type Options struct {
	// Dir keeps the data on disk, so that it survives a restart; empty: in memory,
	// which is far faster.
	Dir string
	// Port to listen on; 0: a free one. DynamoDB Local cannot be told an address and
	// listens on all of them.
	Port int
	// Files is where the engine's own files are kept; empty: .local/engine in the
	// root of the module.
	Files string
	// Log receives a message when something takes long; nil: standard error.
	Log io.Writer
}

// Engine is a running DynamoDB Local.
type Engine struct {
	port  int
	child *child
	stop  sync.Once
}

const (
	startWithin = 60 * time.Second
	stopWithin  = 15 * time.Second
)

// Start fetches the engine if need be and starts it. The context bounds the start
// only; the engine runs until Stop, or until this process ends in whatever way.
func Start(ctx context.Context, o Options) (*Engine, error) {
	if o.Log == nil {
		o.Log = os.Stderr
	}
	java, err := findJava()
	if err != nil {
		return nil, err
	}
	if o.Files == "" {
		if o.Files, err = defaultFiles(); err != nil {
			return nil, err
		}
	}
	lib, err := fetch(ctx, o.Files, o.Log)
	if err != nil {
		return nil, err
	}
	var lock *os.File
	if o.Dir != "" {
		if o.Dir, err = filepath.Abs(o.Dir); err != nil {
			return nil, err
		}
		if lock, err = lockData(ctx, o.Dir); err != nil {
			return nil, err
		}
		defer lock.Close() // the child holds the lock, too
	}

	// Another process may take the port between the search for a free one and the child's
	// bind. If the port was not given, choose another.
	for attempt := 1; ; attempt++ {
		port, err := freePort(o.Port)
		if err != nil {
			return nil, err
		}
		c, err := startChild(java, lib, o.Dir, port, lock)
		if err != nil {
			return nil, err
		}
		err = c.ready(ctx, port)
		if err == nil {
			return &Engine{port: port, child: c}, nil
		}
		c.stop()
		if o.Port != 0 || attempt == 3 || !errors.Is(err, errPortTaken) {
			return nil, err
		}
	}
}

// Endpoint is the engine's URL.
func (e *Engine) Endpoint() string { return fmt.Sprintf("http://127.0.0.1:%d", e.port) }

// Done is closed when the engine has ended, whether it was stopped or died.
func (e *Engine) Done() <-chan struct{} { return e.child.done }

// Err says why the engine ended by itself; nil while it runs.
func (e *Engine) Err() error {
	select {
	case <-e.child.done:
		return e.child.failure()
	default:
		return nil
	}
}

// Stop ends the engine and returns when it is gone.
func (e *Engine) Stop() { e.stop.Do(e.child.stop) }

// Root is the directory of this module: the nearest one above the working directory
// with a go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("there is no go.mod here or above; run this inside the repository")
		}
		dir = parent
	}
}

func defaultFiles() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, ".local", "engine"), nil
}

// lockData keeps two engines from using one directory. The child inherits the lock, so a host
// that is restarted right after it was killed waits until the old engine is gone.
func lockData(ctx context.Context, dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the engine's data directory: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	f, err := lockFile(ctx, filepath.Join(dir, "lock"))
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("another engine uses the data in %s; stop it first", dir)
	}
	return f, err
}

// lockFile waits for an exclusive lock, which is released when the last process that holds it
// ends.
func lockFile(ctx context.Context, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open a lock file: %w", err)
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// tail keeps the end of a process's output, for the error message.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailBytes = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailBytes; over > 0 {
		t.text = t.text[over:]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
