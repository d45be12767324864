"""The commands that try pipelines without a stack."""
