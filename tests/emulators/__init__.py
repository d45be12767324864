"""The emulators, each through the real clients of the service that it stands in for."""
