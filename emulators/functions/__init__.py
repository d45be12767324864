"""The Functions host: Microsoft's own Python runtime in a child process, our triggers around it.

`worker` and `protos` run in the child, all else is the host; `wire` is what they say to each other.
"""
