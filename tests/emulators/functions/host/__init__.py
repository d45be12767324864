"""The host as a whole: its start, and its refusals."""
