"""Benchmarks: they print figures with a description of the machine, and assert nothing."""
