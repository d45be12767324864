"""The life of nodes, the commands that run there beside tasks, and the files that lie there."""
