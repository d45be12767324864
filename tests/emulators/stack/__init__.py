"""The stack: services that start and stop together."""
