"""What `python -m benchmarks` measures on a local stack, or on one of its services."""
