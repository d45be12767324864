"""The Event Grid emulator."""
