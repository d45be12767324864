"""Which task goes to which node, and what its end means."""
