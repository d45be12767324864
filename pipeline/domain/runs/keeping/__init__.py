"""What stays of a run: its tombstone, and its backup in Blob Storage."""
