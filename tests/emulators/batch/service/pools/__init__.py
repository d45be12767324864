"""Pools and their size through the client."""
