"""Tries a pipeline without a stack: what `fanfare try` and `fanfare test` do."""
