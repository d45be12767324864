"""A whole account through any number of processes: its laws hold, whatever happens to it."""
