"""The names that the templates will give, computed before anything is deployed.

All derive from `uniqueString(subscription().id, environmentName, location)` in infra/main.bicep.
"""

from dataclasses import dataclass
from typing import Self

_WORD, _LONG = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
_C1, _C2 = 0x239B961B, 0xAB0E9789
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_LENGTH = 13
_BLOCK = 8


@dataclass(frozen=True)
class Names:
    """The names that must be free: each is also a host name that the whole world shares."""

    storage: str
    batch: str
    app: str

    @classmethod
    def of(cls, subscription: str, environment: str, location: str) -> Self:
        """Compute the names of a deployment, as its templates do."""
        token = unique_string(f"/subscriptions/{subscription}", environment, location)
        return cls(f"st{token}", f"ba{token}", f"func-{token}")


def unique_string(*parts: str) -> str:
    """Return what the function `uniqueString` of templates returns: a hash in 13 characters.

    Azure does not document the hash. It is a MurmurHash of two 32-bit words, over the parts with
    hyphens between them; a test compares it with what the Bicep compiler evaluates.
    """
    value = _murmur("-".join(parts).encode())
    digits = []
    for _ in range(_LENGTH):
        digits.append(_LETTERS[value >> 59])
        value = value << 5 & _LONG
    return "".join(digits)


def _murmur(data: bytes) -> int:
    high = low = 0
    whole = len(data) - len(data) % _BLOCK
    for at in range(0, whole, _BLOCK):
        first, second = _words(data[at : at + _BLOCK])
        low ^= _mixed(first, _C1, 15, _C2)
        low = _stirred(low, 19, high, 0x561CCD1B)
        high ^= _mixed(second, _C2, 17, _C1)
        high = _stirred(high, 13, low, 0x0BCAA747)
    first, second = _words(data[whole:])
    low ^= _mixed(first, _C1, 15, _C2)
    high ^= _mixed(second, _C2, 17, _C1)
    low, high = _added(low ^ len(data), high ^ len(data))
    low, high = _added(_final(low), _final(high))
    return high << 32 | low


def _words(block: bytes) -> tuple[int, int]:
    return int.from_bytes(block[:4], "little"), int.from_bytes(block[4:], "little")


def _rotated(word: int, bits: int) -> int:
    return (word << bits | word >> (32 - bits)) & _WORD


def _mixed(word: int, before: int, bits: int, after: int) -> int:
    return _rotated(word * before & _WORD, bits) * after & _WORD


def _stirred(word: int, bits: int, other: int, constant: int) -> int:
    return ((_rotated(word, bits) + other) * 5 + constant) & _WORD


def _added(low: int, high: int) -> tuple[int, int]:
    low = (low + high) & _WORD
    return low, (high + low) & _WORD


def _final(word: int) -> int:
    word ^= word >> 16
    word = word * 0x85EBCA6B & _WORD
    word ^= word >> 13
    word = word * 0xC2B2AE35 & _WORD
    return word ^ word >> 16
