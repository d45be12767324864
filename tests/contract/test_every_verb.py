"""The suite covers every verb of every port."""

from pathlib import Path
from typing import get_type_hints

import pytest

from pipeline.ports.world import Ports

VERBS = [
    (name, verb)
    for name, protocol in get_type_hints(Ports).items()
    for verb in vars(protocol)
    if not verb.startswith("_")
]
SUITE = "".join(path.read_text() for path in Path(__file__).parent.rglob("test_*.py"))


@pytest.mark.parametrize(("port", "verb"), VERBS)
def test_the_suite_calls(port, verb):
    assert f"ports.{port}.{verb}" in SUITE
