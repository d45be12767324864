"""Tells which VM sizes have GPUs, and counts the GPUs of this machine with `nvidia-smi`."""

import asyncio
import re
import shutil
from functools import lru_cache

# NC, ND, NV and NG have GPUs; NP has FPGAs.
_GPU_SIZE = re.compile(r"^(standard|basic)_n[cdvg]\d", re.IGNORECASE)
_PATIENCE_S = 20.0


@lru_cache(maxsize=256)
def is_gpu_size(vm_size: str) -> bool:
    """Tell whether nodes of this size have GPUs in the cloud."""
    return bool(_GPU_SIZE.match(vm_size))


async def count_gpus(program: str = "nvidia-smi") -> int:
    """Return how many GPUs this machine has."""
    path = shutil.which(program)
    if path is None:
        return 0
    try:
        process = await asyncio.create_subprocess_exec(
            path,
            "--list-gpus",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return 0
    try:
        out, _ = await asyncio.wait_for(process.communicate(), _PATIENCE_S)
    except TimeoutError:
        process.kill()
        return 0
    return (
        sum(line.startswith(b"GPU ") for line in out.splitlines()) if not process.returncode else 0
    )
