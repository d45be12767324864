"""Application packages."""
