"""The export of traces and metrics."""
