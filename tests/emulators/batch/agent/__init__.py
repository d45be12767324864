"""The agent without an emulator."""
