"""SHA-256 that can be kept and gone on with later: a file of terabytes is read in many invocations.

`hashlib` has no such state. It is OpenSSL's, in the library that Python itself uses, by functions
that have had the same memory layout since 1999. Some builds of Python have no such library; there
the state cannot be kept.
"""

import ctypes
import hashlib
import importlib
from typing import Self

BLOCK = 64  # bytes; a state is kept between two of them
_WORDS = 8


class _Context(ctypes.Structure):
    """SHA256_CTX of OpenSSL's sha.h."""

    _fields_ = (
        ("h", ctypes.c_uint32 * _WORDS),
        ("bits_low", ctypes.c_uint32),
        ("bits_high", ctypes.c_uint32),
        ("data", ctypes.c_uint32 * 16),
        ("num", ctypes.c_uint),
        ("md_len", ctypes.c_uint),
        ("_spare", ctypes.c_char * 128),  # in case a library wants more
    )


def _library() -> ctypes.CDLL | None:
    """Return the library that `hashlib` uses, if it is a shared one and gives right digests."""
    try:
        library = ctypes.CDLL(importlib.import_module("_hashlib").__file__)
        for name in ("SHA256_Init", "SHA256_Update", "SHA256_Final"):
            getattr(library, name).restype = ctypes.c_int
    except (ImportError, OSError, AttributeError, TypeError):
        return None
    return library if _is_right(library) else None


def _is_right(library: ctypes.CDLL) -> bool:
    content = bytes(range(256))
    first = _Kept(library)
    first.update(content[:BLOCK])
    second = _Kept(library)
    second.restore(first.kept)
    second.update(content[BLOCK:])
    return second.hexdigest() == hashlib.sha256(content).hexdigest()


class _Kept:
    """SHA-256 by OpenSSL's functions."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library, self._context = library, _Context()
        library.SHA256_Init(ctypes.byref(self._context))

    def update(self, content: bytes) -> None:
        size = ctypes.c_size_t(len(content))
        self._library.SHA256_Update(ctypes.byref(self._context), content, size)

    def hexdigest(self) -> str:
        final, copy = ctypes.create_string_buffer(32), _Context()
        ctypes.pointer(copy)[0] = self._context
        self._library.SHA256_Final(final, ctypes.byref(copy))
        return final.raw.hex()

    @property
    def size(self) -> int:
        bits = self._context.bits_high << 32 | self._context.bits_low
        return int(bits) // 8

    @property
    def kept(self) -> str:
        words = "".join(f"{word:08x}" for word in self._context.h)
        return f"{words}:{self.size}"

    def restore(self, kept: str) -> None:
        words, _, size = kept.partition(":")
        bits = int(size) * 8
        for place in range(_WORDS):
            self._context.h[place] = int(words[place * 8 : place * 8 + 8], 16)
        self._context.bits_low, self._context.bits_high = bits & 0xFFFFFFFF, bits >> 32


_LIBRARY = _library()


class Sha256:
    """A digest that is being computed; `size` bytes are in it."""

    def __init__(self, *, can_keep: bool = _LIBRARY is not None) -> None:
        self._kept = _Kept(_LIBRARY) if can_keep and _LIBRARY else None
        self._plain = hashlib.sha256()
        self.size = 0

    @classmethod
    def of(cls, kept: str) -> Self:
        """Go on from a kept state; "" is the beginning. Raises ValueError for anything else."""
        made = cls()
        if kept and made._kept is not None:
            made._kept.restore(kept)
            made.size = made._kept.size
        elif kept:
            raise ValueError("this Python cannot go on with a digest that another one began")
        return made

    def update(self, content: bytes) -> None:
        """Take the next bytes."""
        (self._kept or self._plain).update(content)
        self.size += len(content)

    def hexdigest(self) -> str:
        """Return the digest of all bytes so far."""
        return (self._kept or self._plain).hexdigest()

    @property
    def kept(self) -> str | None:
        """The state, as a short text; None within a block of 64 bytes, or if it cannot be kept."""
        if self._kept is None or self.size % BLOCK:
            return None
        return self._kept.kept
