"""The ways in: queue messages, HTTP requests and their callers, timers."""
