"""Pure decisions: which task goes to which node, and what an
ending means for the task and its job."""
