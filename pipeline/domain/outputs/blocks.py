"""Blocks of a blob that is made bit by bit: their ids, and how many there may be."""

import hashlib

MOST = 50_000  # blocks of a blob


def block_id(attempt: str, number: int) -> str:
    """Return the id of a block; two writers with the same ids would commit a mixture.

    Storage wants the ids of a blob's blocks in one length.
    """
    return hashlib.sha256(f"{attempt}/{number}".encode()).hexdigest()[:32]
