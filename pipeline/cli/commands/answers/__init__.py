"""The commands with which people get what a run has made."""
