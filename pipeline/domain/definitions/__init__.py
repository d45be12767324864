"""Pipelines and pools as their authors write them: one model a concept, checked on its own."""
