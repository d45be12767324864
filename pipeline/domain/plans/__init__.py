"""A run's work as data: items, the bundles that tasks carry, and the pages of a plan."""
