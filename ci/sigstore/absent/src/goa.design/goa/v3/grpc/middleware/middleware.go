// Package middleware stands in for a library that Debian has not.
package middleware

// RequestIDMetadataKey is what Fulcio looks for in a request.
const RequestIDMetadataKey = "x-request-id"
