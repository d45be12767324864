"""Who asked for what: askers, and the history of a run."""
