// Command local runs the whole system on a laptop; see shared/local.
package main

import (
	"os"

	"example.com/releases/shared/local"
)

func main() { os.Exit(local.Main(os.Args[1:])) }
