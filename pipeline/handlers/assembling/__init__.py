"""How outputs become the run's output: put together, committed, found by a friendly name."""
