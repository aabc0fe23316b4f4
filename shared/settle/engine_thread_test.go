package settle_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// engineThread is the one thread of DynamoDB Local that reads and writes its database, however
// many requests come at once. For how long it was busy tells what a settlement costs the engine,
// even on a machine that does other work.
type engineThread struct{ stat string }

// findEngineThread finds it by the port that the engine listens on; false if the engine is
// another one or runs elsewhere, or if the system has no /proc.
func findEngineThread(endpoint string) (engineThread, bool) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return engineThread{}, false
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return engineThread{}, false
	}
	socket := listeningSocket(port)
	if socket == "" {
		return engineThread{}, false
	}
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, file := range files {
		if to, err := os.Readlink(file); err != nil || to != socket {
			continue
		}
		threads, _ := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(file)), "task", "*"))
		for _, thread := range threads {
			if name, _ := os.ReadFile(filepath.Join(thread, "comm")); strings.HasPrefix(string(name), "SQLiteQueue") {
				return engineThread{filepath.Join(thread, "stat")}, true
			}
		}
	}
	return engineThread{}, false
}

// listeningSocket is what /proc calls the socket that listens on a port, as in proc(5).
func listeningSocket(port int) string {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		content, _ := os.ReadFile(table)
		for line := range strings.Lines(string(content)) {
			const local, state, inode, listening = 1, 3, 9, "0A"
			f := strings.Fields(line)
			if len(f) > inode && f[state] == listening && strings.HasSuffix(f[local], fmt.Sprintf(":%04X", port)) {
				return "socket:[" + f[inode] + "]"
			}
		}
	}
	return ""
}

// busy is the processor time that the thread has had since it began, in steps of 10 ms.
func (e engineThread) busy() time.Duration {
	content, err := os.ReadFile(e.stat)
	if err != nil {
		return 0
	}
	// The name in brackets may hold anything; user and system time are the 12th and 13th after it.
	_, after, _ := strings.Cut(string(content), ") ")
	f := strings.Fields(after)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}
