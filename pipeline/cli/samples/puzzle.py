"""A puzzle with a public answer: the nonce of Bitcoin's first block is 2,083,236,893."""

import json

_GENESIS = (
    "01000000"  # version
    "0000000000000000000000000000000000000000000000000000000000000000"  # no block before
    "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a"  # its transactions
    "29ab5f49"  # 3 January 2009
    "ffff001d"  # bits: the hash has to begin with 32 zeros
    "00000000"  # the nonce that is looked for
)


def genesis() -> bytes:
    """Return the header without its nonce, and a window of nonces that has the right one."""
    window = {"from": 2_083_000_000, "to": 2_083_300_000}
    puzzle = {"kind": "bitcoin-header", "header": _GENESIS, **window}
    return f"{json.dumps(puzzle, indent=2)}\n".encode()
