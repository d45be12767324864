"""Digests that are kept and gone on with."""

import hashlib
import random

import pytest

from pipeline.domain.outputs.sha256 import Sha256

CONTENT = random.Random(7).randbytes(10_000)


@pytest.mark.parametrize("at", [0, 64, 128, 6400])
def test_a_digest_goes_on_from_what_was_kept(at):
    first = Sha256()
    first.update(CONTENT[:at])
    then = Sha256.of(first.kept)
    assert then.size == at
    then.update(CONTENT[at:])
    assert then.hexdigest() == hashlib.sha256(CONTENT).hexdigest()


def test_a_digest_of_more_bytes_than_32_bits_count_goes_on():
    found = Sha256.of(f"{Sha256().kept.partition(':')[0]}:{1 << 32}")
    assert found.size == 1 << 32
    found.update(b"x" * 64)
    assert found.kept.endswith(f":{(1 << 32) + 64}")


def test_nothing_is_kept_within_a_block():
    digest = Sha256()
    digest.update(b"x")
    assert digest.kept is None
    digest.update(b"y" * 63)
    assert digest.kept


def test_looking_at_a_digest_does_not_end_it():
    digest = Sha256()
    digest.update(CONTENT[:64])
    assert digest.hexdigest() == hashlib.sha256(CONTENT[:64]).hexdigest()
    digest.update(CONTENT[64:])
    assert digest.hexdigest() == hashlib.sha256(CONTENT).hexdigest()


def test_a_python_without_the_library_computes_digests_and_keeps_none():
    digest = Sha256(can_keep=False)
    digest.update(b"x" * 64)
    assert digest.hexdigest() == hashlib.sha256(b"x" * 64).hexdigest()
    assert digest.kept is None
