"""The local stack: its configuration, its process, and a stamp of the app that it runs."""
