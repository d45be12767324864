"""Describes the machine of a measurement."""

import os
import platform
from pathlib import Path

import psutil


def machine_line() -> str:
    """Return a line with the machine's processor, memory, Python version and load."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    memory = psutil.virtual_memory().total / 2**30
    cores = psutil.cpu_count()
    load = os.getloadavg()[0]
    return (
        f"{model}, {cores} cores, {memory:.0f} GiB, Python {platform.python_version()}, "
        f"load {load:.1f} at the start"
    )
