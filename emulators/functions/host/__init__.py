"""One function app, running: the host puts worker, triggers and keys together, and tells of it."""
