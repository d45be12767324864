"""What stands in for Azure on one machine: storage, Event Grid, Batch and the Functions host, each a process."""
