// Command with runs a command with one database engine beside it: `with -- go test
// ./...`. It must not know what the command does with it.
package main

import (
	"context"
	"os"

	"example.com/releases/shared/local/engine"
)

func main() {
	os.Exit(engine.Run(context.Background(), os.Args[1:]))
}
