"""Brings blobs to nodes and away, with a SAS or a managed identity, for which a file holds keys."""
