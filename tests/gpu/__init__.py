"""Tests that compute on a real GPU; each tells that it is skipped where there is none."""
