package trustcenter_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// need ends a test that lacks a tool: with a failure in CI, with a skip elsewhere.
func need(t *testing.T, how string, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("%v; in CI this must not be missing: %s", err, how)
	default:
		t.Skipf("%v; to run this test: %s", err, how)
	}
}

// within is how long a test may use its browser; a hanging one must not hang the test.
const within = 3 * time.Minute

// browser is a headless Chromium, spoken to over a pipe in its DevTools protocol.
type browser struct {
	t    *testing.T
	to   *os.File
	from *bufio.Reader
	sent int
	// problems are what the open page's console has complained about.
	problems []string
	session  string
	loaded   bool
}

type message struct {
	ID        int             `json:"id"`
	Method    string          `json:"method"`
	SessionID string          `json:"sessionId"`
	Params    json.RawMessage `json:"params"`
	Result    json.RawMessage `json:"result"`
	Error     *struct{ Message string }
}

func startBrowser(t *testing.T) *browser {
	t.Helper()
	var path string
	var err error
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err = exec.LookPath(name); err == nil {
			break
		}
	}
	need(t, "apt-get install chromium", err)
	theirIn, to, err := os.Pipe()
	check(t, err)
	from, theirOut, err := os.Pipe()
	check(t, err)
	args := []string{
		"--headless", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
		"--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--user-data-dir=" + t.TempDir(),
	}
	if os.Getuid() == 0 {
		args = append(args, "--no-sandbox") // it refuses to start as root with one
	}
	c := exec.Command(path, append(args, "about:blank")...)
	c.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4, as the protocol has it
	check(t, c.Start())
	_ = theirIn.Close()
	_ = theirOut.Close()
	b := &browser{t: t, to: to, from: bufio.NewReaderSize(from, 1<<20)}
	t.Cleanup(func() {
		_ = to.Close() // it ends when nobody speaks to it any more
		done := make(chan error, 1)
		go func() { done <- c.Wait() }()
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			_ = c.Process.Kill()
			<-done
		}
		_ = from.Close()
	})
	check(t, errors.Join(to.SetDeadline(time.Now().Add(within)), from.SetDeadline(time.Now().Add(within))))
	var target struct{ TargetID string }
	b.call("Target.createTarget", object{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", object{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Log", "Runtime"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

type object = map[string]any

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// call asks for something and reads until the answer is there.
func (b *browser) call(method string, params object, result any) {
	b.t.Helper()
	b.sent++
	request := object{"id": b.sent, "method": method}
	if params != nil {
		request["params"] = params
	}
	if b.session != "" {
		request["sessionId"] = b.session
	}
	text, err := json.Marshal(request)
	check(b.t, err)
	_, err = b.to.Write(append(text, 0))
	check(b.t, err)
	for {
		m := b.next()
		if m.ID != b.sent {
			continue
		}
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		}
		if result != nil {
			check(b.t, json.Unmarshal(m.Result, result))
		}
		return
	}
}

// next reads one message and notes what the page complains about.
func (b *browser) next() message {
	b.t.Helper()
	text, err := b.from.ReadBytes(0)
	check(b.t, err)
	var m message
	check(b.t, json.Unmarshal(text[:len(text)-1], &m))
	switch m.Method {
	case "Page.loadEventFired":
		b.loaded = true
	case "Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled":
		b.problems = append(b.problems, string(m.Params))
	}
	return m
}

// look is how somebody looks at a page.
type look struct {
	width int
	media string // "print", or empty for a screen
	dark  bool
}

func (l look) String() string {
	s := strconv.Itoa(l.width)
	if l.dark {
		s += "-dark"
	}
	return s + l.media
}

// open loads a page as somebody would see it.
func (b *browser) open(url string, l look) {
	b.t.Helper()
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	b.call("Emulation.setDeviceMetricsOverride", object{"width": l.width, "height": 800, "deviceScaleFactor": 1, "mobile": false}, nil)
	b.call("Emulation.setEmulatedMedia", object{"media": l.media, "features": []object{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	b.loaded, b.problems = false, nil
	b.call("Page.navigate", object{"url": url}, nil)
	for !b.loaded {
		b.next()
	}
}

// eval runs a script beside the page, whose policy does not bind it.
func (b *browser) eval(script string, result any) {
	b.t.Helper()
	var out struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", object{"expression": script, "awaitPromise": true, "returnByValue": true}, &out)
	if out.ExceptionDetails != nil {
		b.t.Fatalf("the script failed: %s", out.ExceptionDetails)
	}
	if result != nil {
		check(b.t, json.Unmarshal(out.Result.Value, result))
	}
}

// press presses a key once.
func (b *browser) press(key string, code int) {
	b.t.Helper()
	for _, kind := range []string{"keyDown", "keyUp"} {
		b.call("Input.dispatchKeyEvent", object{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}, nil)
	}
}

// picture is the whole page as a PNG.
func (b *browser) picture() []byte {
	b.t.Helper()
	var out struct{ Data []byte }
	b.call("Page.captureScreenshot", object{"captureBeyondViewport": true}, &out)
	return out.Data
}
