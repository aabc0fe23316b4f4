// Command with starts a database engine for the time that another command runs: `with -- go
// test ./...`. It must not know what the command does with it.
package main

import (
	"context"
	"os"

	"example.com/releases/shared/local/engine"
)

func main() {
	os.Exit(engine.Run(context.Background(), os.Args[1:]))
}
