"""Blob, Queue and Table Storage through Microsoft's SDKs."""
