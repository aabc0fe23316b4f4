// Command mcp-stdio lets clients that start their servers themselves reach /mcp: it
// carries messages between its standard streams and RELEASES_URL with RELEASES_TOKEN.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"example.com/releases/shared/mcptools/bridge"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := bridge.Config{URL: os.Getenv("RELEASES_URL"), Token: os.Getenv("RELEASES_TOKEN")}
	os.Exit(bridge.Run(ctx, c, os.Stdin, os.Stdout, os.Stderr))
}
