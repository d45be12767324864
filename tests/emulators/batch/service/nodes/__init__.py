"""Nodes, the commands beside tasks, and the files of what ran there."""
