// Command plan-notices puts a mail into the outbox for each person whom a notice job concerns;
// the Mail stream invokes it.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/wire/notices"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "CHANGES_TABLE", "TASKS_TABLE", "MAIL_TABLE")
	host.Serve(notices.Plan(c))
}
