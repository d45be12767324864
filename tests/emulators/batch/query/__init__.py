"""Filters and pages of lists."""
