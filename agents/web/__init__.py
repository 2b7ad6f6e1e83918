"""The worker's doors: metrics and probes."""
