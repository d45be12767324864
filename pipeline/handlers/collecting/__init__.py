"""What came of the work: receipts, results, counts, and how a run stands."""
