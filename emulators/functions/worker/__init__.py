"""The worker: Microsoft's runtime in a child process, and the frames between it and the host."""
