"""The HTTP interface of a running stack, as programs use it."""
