"""The results of the work: receipts, items, counts, and the state of a run."""
