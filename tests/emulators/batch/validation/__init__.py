"""What bodies have to look like."""
