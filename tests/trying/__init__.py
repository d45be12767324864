"""Pipelines that are tried without a stack: the real runner, on a node of this machine."""
