"""Proposes a pipeline for a script and a sample of its input. It reads both and runs neither."""
