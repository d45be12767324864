"""The ports on this machine alone: rows and messages in memory, blobs in a folder, tasks as
processes."""
