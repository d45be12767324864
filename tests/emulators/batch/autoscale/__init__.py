"""The formula language as a library of its own, without any pool."""
