"""Outputs on a person's machine: fetched by their manifest, checked against it, and opened."""
