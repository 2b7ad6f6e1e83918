"""The console: pages for people about all calls, endpoints and dead letters, behind a token."""
