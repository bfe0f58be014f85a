// Package ctxzap stands in for a library that Debian has not, and that the tests' Fulcio never calls.
package ctxzap

import (
	"context"

	"go.uber.org/zap"
)

// Extract returns a logger that is silent.
func Extract(context.Context) *zap.Logger { return zap.NewNop() }
