"""The node agent: a process of its own that starts tasks' processes and ends them as trees."""
