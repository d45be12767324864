"""How outputs become the run's output: assembled, committed, and given a friendly name."""
