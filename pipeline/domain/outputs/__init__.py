"""How the outputs of items become one file: concatenated, reduced or archived."""
