"""Random damage ends in an output, or in a reason; never in a traceback."""

import random
from pathlib import Path

import pytest

from tests.depth import more
from tests.media.chain import encode
from tests.media.films import FILMS

REASONS = ("The video was refused: ", "Frames ", "The parts were not joined: ")


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Change, cut or repeat some bytes."""
    made = bytearray(content)
    place, other = (chance.randrange(len(made)) for _ in range(2))
    match chance.choice(["change", "cut", "leave out", "repeat"]):
        case "change":
            for _ in range(chance.choice([1, 5, 50])):
                made[chance.randrange(len(made))] = chance.randrange(256)
        case "cut":
            del made[place:]
        case "leave out":
            del made[place : place + chance.randrange(1, 3000)]
        case "repeat":
            made[place : place + 200] = made[other : other + 200]
    return bytes(made)


@pytest.mark.parametrize("seed", range(more(16, 800)))
def test_damage_ends_in_an_output_or_a_reason(tmp_path: Path, seed: int):
    chance = random.Random(seed)
    source = tmp_path / chance.choice(list(FILMS))
    FILMS[source.name](source)
    source.write_bytes(damaged(source.read_bytes(), chance))
    ended = encode(source, tmp_path / "run")
    reasons = [line for line in ended.said.splitlines() if line.startswith(REASONS)]
    assert bool(ended.output) is not bool(reasons)
