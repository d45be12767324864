"""The sweep: compares each run with Batch and Storage, and sends again what was lost."""
