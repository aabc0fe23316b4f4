// Package figures makes log lines that CloudWatch counts as metrics: figures for the business, besides the alarms for
// operators. It must not know what any figure means, nor contain anything about a person.
//
// A line in CloudWatch's embedded metric format costs no request: CloudWatch Logs reads the figures out of it as it
// comes in (Amazon CloudWatch User Guide, "Specification: Embedded metric format").
package figures

import (
	"log/slog"
	"sync/atomic"
	"time"
)

var namespace atomic.Pointer[string]

// Use names the namespace that figures go to. Until then, and where it is empty, lines are plain: nothing on a laptop
// counts them.
func Use(name string) { namespace.Store(&name) }

// Count is one of something, with one dimension: slog.Info("…", figures.Count("Mails", "Outcome", "sent")).
func Count(name, dimension, value string) slog.Attr {
	return line(name, "Count", 1, dimension, value)
}

// Seconds is how long something took, with one dimension.
func Seconds(name string, took time.Duration, dimension, value string) slog.Attr {
	return line(name, "Seconds", took.Seconds(), dimension, value)
}

// The types are those of the format. Each value of a dimension is a metric of its own, and is billed as one.
type directive struct {
	Timestamp         int64
	CloudWatchMetrics []metrics
}

type metrics struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []metric
}

type metric struct{ Name, Unit string }

// line is a group without a name, so that its members stand at the top of the line, where the format wants them.
func line(name, unit string, value float64, dimension, of string) slog.Attr {
	members := []any{slog.String(dimension, of), slog.Float64(name, value)}
	if to := namespace.Load(); to != nil && *to != "" {
		members = append(members, slog.Any("_aws", directive{
			Timestamp: time.Now().UnixMilli(),
			CloudWatchMetrics: []metrics{{
				Namespace: *to, Dimensions: [][]string{{dimension}}, Metrics: []metric{{Name: name, Unit: unit}},
			}},
		}))
	}
	return slog.Group("", members...)
}
