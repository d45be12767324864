"""Container images: registries, and the container engine of this machine."""
