"""Pools, nodes, jobs and tasks with their legal moves: the
service's truth, without sockets or files."""
