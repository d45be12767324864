"""The local stack: its configuration, its process, and the stamp of what it runs."""
