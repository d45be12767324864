"""Container tasks: the container engine of this machine, images, and one container a task."""
