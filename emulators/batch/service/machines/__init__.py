"""Machines that carry commands out: as processes, in containers, or in emulated time alone."""
