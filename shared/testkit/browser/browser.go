// Package browser lets tests check pages in a headless Chromium, with axe (accessibility) and
// the Nu HTML checker (valid HTML). Only tests link it. It must not know any page.
package browser

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

// Need ends a test that lacks a tool: it fails in CI and is skipped elsewhere.
func Need(t testing.TB, how string, err error) {
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
const within = 6 * time.Minute

// Browser is a headless Chromium, controlled through a pipe with the DevTools protocol.
type Browser struct {
	t    testing.TB
	to   *os.File
	from *bufio.Reader
	sent int
	// Problems are the warnings and errors in the open page's console.
	Problems []string
	session  string
	axe      string
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

// Start starts a browser, which ends with the test. Where none is installed the test is
// skipped, but fails in CI.
func Start(t testing.TB) *Browser {
	t.Helper()
	var path string
	var err error
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err = exec.LookPath(name); err == nil {
			break
		}
	}
	Need(t, "apt-get install chromium", err)
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
	b := &Browser{t: t, to: to, from: bufio.NewReaderSize(from, 1<<20)}
	t.Cleanup(func() {
		_ = to.Close() // the browser ends when its pipe is closed
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = c.Wait() // its exit status does not matter
		}()
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
	for _, domain := range []string{"Page", "Log", "Runtime", "Network"} {
		b.call(domain+".enable", nil, nil)
	}
	b.call("Network.setCacheDisabled", object{"cacheDisabled": true}, nil)
	return b
}

type object = map[string]any

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// call sends a command and reads messages until its answer arrives.
func (b *Browser) call(method string, params object, result any) {
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

// next reads one message and records the page's problems.
func (b *Browser) next() message {
	b.t.Helper()
	text, err := b.from.ReadBytes(0)
	check(b.t, err)
	var m message
	check(b.t, json.Unmarshal(text[:len(text)-1], &m))
	switch m.Method {
	case "Page.loadEventFired":
		b.loaded = true
	case "Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled":
		b.Problems = append(b.Problems, string(m.Params))
	}
	return m
}

// Look is a way of displaying a page.
type Look struct {
	Width int
	Media string // "print", or empty for a screen
	Dark  bool
}

func (l Look) String() string {
	s := strconv.Itoa(l.Width)
	if l.Dark {
		s += "-dark"
	}
	return s + l.Media
}

// Open loads a page in a look.
func (b *Browser) Open(url string, l Look) {
	b.t.Helper()
	scheme := "light"
	if l.Dark {
		scheme = "dark"
	}
	b.call("Emulation.setDeviceMetricsOverride", object{"width": l.Width, "height": 800, "deviceScaleFactor": 1, "mobile": false}, nil)
	b.call("Emulation.setEmulatedMedia", object{"media": l.Media, "features": []object{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	b.loaded, b.Problems = false, nil
	b.call("Page.navigate", object{"url": url}, nil)
	for !b.loaded {
		b.next()
	}
}

// Eval runs a script in the page; the page's content security policy does not apply to it.
func (b *Browser) Eval(script string, result any) {
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

// Press presses a key once.
func (b *Browser) Press(key string, code int) {
	b.t.Helper()
	for _, kind := range []string{"keyDown", "keyUp"} {
		b.call("Input.dispatchKeyEvent", object{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}, nil)
	}
}

// Picture is the whole page as a PNG.
func (b *Browser) Picture() []byte {
	b.t.Helper()
	var out struct{ Data []byte }
	b.call("Page.captureScreenshot", object{"captureBeyondViewport": true}, &out)
	return out.Data
}

// Top is the upper part of the page as a PNG, so many pixels high.
func (b *Browser) Top(height int) []byte {
	b.t.Helper()
	var width int
	b.Eval("innerWidth", &width)
	var out struct{ Data []byte }
	b.call("Page.captureScreenshot", object{"clip": object{"x": 0, "y": 0, "width": width, "height": height, "scale": 1}}, &out)
	return out.Data
}
