"""Azure Batch through Microsoft's SDK."""
