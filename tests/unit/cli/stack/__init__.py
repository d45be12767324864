"""Commands of the local stack, without one that runs."""
