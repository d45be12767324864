"""Programs that run on nodes, all in one folder there: the runner and the examples."""
