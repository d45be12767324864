"""The machines that run commands."""
