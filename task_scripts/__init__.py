"""Programs that run on nodes, delivered flat into one folder: the runner and the examples."""
