"""Cuts bytes into chunks, since no text may depend on how it arrives."""

from collections.abc import Iterator


def chunked(content: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]
