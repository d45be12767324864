"""Storage for the local stack: the pinned Azurite, with a hook that tells of written blobs."""
