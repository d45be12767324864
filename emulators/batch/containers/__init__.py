"""Container tasks: the engine of this machine, its images, and a task's container."""
