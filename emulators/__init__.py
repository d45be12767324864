"""What stands in for Azure on one machine: storage, Event Grid, Batch, the Functions host."""
