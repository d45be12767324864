"""Machines that run commands: as processes, in containers, or in emulated time alone."""
