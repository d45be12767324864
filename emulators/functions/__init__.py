"""The Functions host: Microsoft's own Python runtime in a child process, and the triggers around it.

`worker` and `protos` run in the child; everything else is the host. `wire` is what the two say to each other.
"""
