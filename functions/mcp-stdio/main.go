// Command mcp-stdio lets clients that start their servers themselves reach /mcp: it
// carries messages between its standard streams and RELEASES_URL, with the access token in
// RELEASES_TOKEN or from RELEASES_TOKEN_FILE or RELEASES_TOKEN_COMMAND.
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
	c := bridge.Config{
		URL:   os.Getenv("RELEASES_URL"),
		Token: os.Getenv("RELEASES_TOKEN"), TokenFile: os.Getenv("RELEASES_TOKEN_FILE"), TokenCommand: os.Getenv("RELEASES_TOKEN_COMMAND"),
		Toolsets: os.Getenv("RELEASES_TOOLSETS"),
	}
	os.Exit(bridge.Run(ctx, c, os.Stdin, os.Stdout, os.Stderr))
}
