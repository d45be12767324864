"""Container tasks, with the container engine of this machine."""
