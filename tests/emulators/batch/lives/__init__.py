"""A whole account through any number of lives: what has to hold holds, whatever is done to it."""
