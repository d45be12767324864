"""A pool as Batch gets it: its resource and its autoscale formula."""
