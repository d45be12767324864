"""Pools and their size, which requests, formulas, quotas and the spot market decide."""
