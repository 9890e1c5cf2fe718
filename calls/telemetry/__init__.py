"""What the gateway counts and times: metrics for Prometheus, traces for OpenTelemetry."""
