"""What Batch is told of a pool: its resource and its autoscale formula."""
