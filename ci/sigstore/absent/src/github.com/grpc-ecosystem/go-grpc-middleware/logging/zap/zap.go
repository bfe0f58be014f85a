// Package grpc_zap stands in for a library that Debian has not, and that the tests' Fulcio never calls.
package grpc_zap

import (
	"context"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"google.golang.org/grpc/codes"
)

// Option changes nothing.
type Option func()

// WithDecider changes nothing.
func WithDecider(func(string, error) bool) Option { return nil }

// WithMessageProducer changes nothing.
func WithMessageProducer(func(context.Context, string, zapcore.Level, codes.Code, error, zap.Field)) Option {
	return nil
}
