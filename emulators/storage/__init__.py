"""Storage on this machine: the pinned Azurite, with a hook that reports written blobs."""
