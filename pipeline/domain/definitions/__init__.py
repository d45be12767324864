"""Pipelines and pools as their authors write them: one model for each concept."""
