"""The export of traces."""
