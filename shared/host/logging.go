package host

import (
	"context"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/releases/shared/figures"
	"example.com/releases/shared/version"
)

// logJSON makes slog write JSON lines with Lambda's own field names, each with the version and the ids of the request it
// belongs to. The version is encoded once, so a line costs no more than its bytes. Figures among them go to the stack's namespace.
func logJSON() {
	figures.Use(os.Getenv("METRICS_NAMESPACE"))
	lines := slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr})
	slog.SetDefault(slog.New(withIDs{lines}).With("version", version.Number))
}

// withIDs adds the request ids that it finds in the context. requestId is Lambda's, as in its REPORT lines;
// apiRequestId is the gateway's, as in the access log and in what clients are shown.
type withIDs struct{ slog.Handler }

func (h withIDs) Handle(ctx context.Context, r slog.Record) error {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		r.AddAttrs(slog.String("requestId", lc.AwsRequestID))
	}
	if id := requestID(ctx); id != "" {
		r.AddAttrs(slog.String("apiRequestId", id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h withIDs) WithAttrs(attrs []slog.Attr) slog.Handler {
	return withIDs{h.Handler.WithAttrs(attrs)}
}

func (h withIDs) WithGroup(name string) slog.Handler { return withIDs{h.Handler.WithGroup(name)} }

type requestIDKey struct{}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}
