"""Pools, nodes, jobs and tasks with their legal moves: the state of the service, without sockets or
files."""
