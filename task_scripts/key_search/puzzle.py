"""What is searched for: the nonce of a Bitcoin block's header, or a word with a known digest.

A puzzle numbers its keys from 0 and asks for a window of them. Only public targets and such that
you made yourself belong here.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

NONCES = 1 << 32
_MOST_BYTES = 64 << 10
_MOST_KEYS = 1 << 62
_LONGEST_WORD = 16
_HEADER_BYTES = 80
_FIRST_BLOCK = 64  # bytes of a header that SHA-256 takes before it meets the nonce
_FIELDS = {
    "bitcoin-header": ("header",),
    "sha256-word": ("digest", "alphabet", "length"),
}


class Unusable(Exception):
    """The puzzle, or what was searched of it, cannot be used; the message says why."""


class Puzzle(Protocol):
    """A space of keys with a test for each."""

    @property
    def space(self) -> int:
        """How many keys there are."""

    def hits(self, start: int, end: int) -> Iterator[int]:
        """Yield the keys from `start` up to `end` that solve the puzzle."""

    def shown(self, key: int) -> dict[str, object]:
        """Return the key and its hash as people write them."""


@dataclass(frozen=True)
class Header:
    """A block's header of 80 bytes, whose nonce is looked for."""

    header: bytes

    @property
    def space(self) -> int:
        """How many nonces there are."""
        return NONCES

    @property
    def _most(self) -> int:
        """The target: the hash, as a number, may not be above it. The header has it as `bits`."""
        bits = int.from_bytes(self.header[72:76], "little")
        exponent, mantissa = bits >> 24, bits & 0x7FFFFF
        return mantissa << 8 * (exponent - 3) if exponent > 3 else mantissa >> 8 * (3 - exponent)  # noqa: PLR2004 - as the protocol says

    def hits(self, start: int, end: int) -> Iterator[int]:
        """Yield the nonces whose hash is at most the target."""
        begun = hashlib.sha256(self.header[:_FIRST_BLOCK])
        rest, most, sha256 = self.header[_FIRST_BLOCK:76], self._most, hashlib.sha256
        # Most hashes differ from a hit in their last bytes already.
        zeros = b"\0" * max((256 - most.bit_length()) // 8, 0)
        for nonce in range(start, end):
            state = begun.copy()
            state.update(rest + nonce.to_bytes(4, "little"))
            digest = sha256(state.digest()).digest()
            if digest.endswith(zeros) and int.from_bytes(digest, "little") <= most:
                yield nonce

    def shown(self, key: int) -> dict[str, object]:
        """Return the nonce and the block's hash, computed anew and in the order of explorers."""
        whole = self.header[:76] + key.to_bytes(4, "little")
        digest = hashlib.sha256(hashlib.sha256(whole).digest()).digest()
        return {"key": key, "nonce": key, "hash": digest[::-1].hex()}


@dataclass(frozen=True)
class Word:
    """A word of a known length over an alphabet, with the SHA-256 that it has."""

    digest: bytes
    alphabet: str
    length: int

    @property
    def space(self) -> int:
        """How many words there are."""
        words: int = len(self.alphabet) ** self.length
        return words

    def word(self, key: int) -> str:
        """Return the word of a number; words count like numbers, the last letter fastest."""
        letters = []
        for _ in range(self.length):
            key, letter = divmod(key, len(self.alphabet))
            letters.append(self.alphabet[letter])
        return "".join(reversed(letters))

    def hits(self, start: int, end: int) -> Iterator[int]:
        """Yield the numbers of the words that have the digest."""
        for key in range(start, end):
            if hashlib.sha256(self.word(key).encode()).digest() == self.digest:
                yield key

    def shown(self, key: int) -> dict[str, object]:
        """Return the word and its digest, computed anew."""
        word = self.word(key)
        return {"key": key, "word": word, "hash": hashlib.sha256(word.encode()).hexdigest()}


@dataclass(frozen=True)
class Search:
    """A puzzle, and the window of its keys that is searched: from `start` up to `end`."""

    kind: str
    puzzle: Puzzle
    start: int
    end: int

    @property
    def is_whole(self) -> bool:
        """Whether the window has every key that there is."""
        return self.start == 0 and self.end == self.puzzle.space


def read(path: Path) -> Search:
    """Read a puzzle and its window from a JSON file. Raises Unusable."""
    if path.stat().st_size > _MOST_BYTES:
        raise Unusable(f"the puzzle has more than {_MOST_BYTES >> 10} KiB")
    try:
        given = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Unusable(f"the puzzle is not JSON: {error}") from error
    kind = given.get("kind") if isinstance(given, dict) else None
    if not isinstance(kind, str) or kind not in _FIELDS:
        raise Unusable(f"`kind` has to be one of {', '.join(_FIELDS)}")
    unknown = given.keys() - {"kind", "from", "to", *_FIELDS[kind]}
    if unknown:
        raise Unusable(f"a puzzle of kind {kind} has no {sorted(unknown)[0]!r}")
    puzzle: Puzzle = _header(given) if kind == "bitcoin-header" else _word(given)
    start = _whole(given, "from", 0, puzzle.space - 1)
    return Search(kind, puzzle, start, _whole(given, "to", start + 1, puzzle.space))


def _header(given: Mapping[str, object]) -> Header:
    header = _bytes(given, "header")
    if len(header) != _HEADER_BYTES:
        raise Unusable(f"`header` has to be {_HEADER_BYTES} bytes in hexadecimal; the nonce, its "
                       "last four, is ignored")  # fmt: skip
    return Header(header)


def _word(given: Mapping[str, object]) -> Word:
    digest, alphabet = _bytes(given, "digest"), given.get("alphabet")
    if len(digest) != hashlib.sha256().digest_size:
        raise Unusable("`digest` has to be a SHA-256 in hexadecimal")
    if not isinstance(alphabet, str) or not alphabet or len(set(alphabet)) < len(alphabet):
        raise Unusable("`alphabet` has to be a text of different characters")
    found = Word(digest, alphabet, _whole(given, "length", 1, _LONGEST_WORD))
    if found.space > _MOST_KEYS:
        raise Unusable(f"there are more than {_MOST_KEYS} words: shorten `alphabet` or `length`")
    return found


def _bytes(given: Mapping[str, object], name: str) -> bytes:
    try:
        return bytes.fromhex(str(given.get(name, "")))
    except ValueError as error:
        raise Unusable(f"`{name}` is not hexadecimal") from error


def _whole(given: Mapping[str, object], name: str, least: int, most: int) -> int:
    value = given.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Unusable(f"`{name}` has to be a whole number from {least} to {most}")
    return value
