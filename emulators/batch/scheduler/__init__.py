"""Pure decisions: which task goes to which node, and what the end of a process means for task and
job."""
