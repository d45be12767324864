"""A run's work as data: items, bundles of them in tasks, and the pages of a plan."""
