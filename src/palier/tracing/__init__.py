"""Spans of requests, by the semantic conventions of OpenTelemetry, and their way to a collector."""
