"""Golden tests of pipelines: cases in `pipelines/tests/`, run as `fanfare try` runs pipelines."""
