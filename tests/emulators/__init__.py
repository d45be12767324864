"""The emulators, each tested through the real clients of its service."""
