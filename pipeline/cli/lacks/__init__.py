"""What this machine lacks of what definitions ask for: packages and secrets."""
