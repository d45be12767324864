"""Lets a GPU fill and copy memory by the driver's own library, and writes what it saw of it.

It stands for a program of a user; the driver is all that it needs.
"""

import ctypes
import json
import os
import sys
from pathlib import Path

WORDS, VALUE = 1 << 24, 0x2A2A2A2A


def main() -> None:
    """Compute on the only device that is visible."""
    cuda = ctypes.CDLL("libcuda.so.1")

    def call(name: str, *arguments: object) -> None:
        code = getattr(cuda, name)(*arguments)
        if code:
            sys.exit(f"{name} returned {code}")

    count, device, name = ctypes.c_int(), ctypes.c_int(), ctypes.create_string_buffer(100)
    context, memory = ctypes.c_void_p(), ctypes.c_uint64()
    call("cuInit", ctypes.c_uint(0))
    call("cuDeviceGetCount", ctypes.byref(count))
    call("cuDeviceGet", ctypes.byref(device), ctypes.c_int(0))
    call("cuDeviceGetName", name, ctypes.c_int(100), device)
    call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    call("cuCtxSetCurrent", context)
    call("cuMemAlloc_v2", ctypes.byref(memory), ctypes.c_size_t(4 * WORDS))
    call("cuMemsetD32_v2", memory, ctypes.c_uint(VALUE), ctypes.c_size_t(WORDS))
    words = (ctypes.c_uint32 * WORDS)()
    call("cuMemcpyDtoH_v2", words, memory, ctypes.c_size_t(4 * WORDS))
    call("cuMemFree_v2", memory)
    whole = bytes(words) == VALUE.to_bytes(4, "little") * WORDS
    told = {"devices": count.value, "name": name.value.decode(), "whole": whole}
    told["device"] = os.environ["FANFARE_DEVICE"]
    (Path(os.environ["FANFARE_OUTPUT"]) / "told.jsonl").write_text(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
