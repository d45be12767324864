"""Blobs in and out of nodes, on a SAS or on a managed
identity that a file of keys stands in for."""
