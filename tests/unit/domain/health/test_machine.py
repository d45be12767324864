"""What the doctor says about this machine."""

import pytest

from pipeline.domain.health import machine
from pipeline.domain.health.findings import Level

MEGABYTE = 1 << 20


@pytest.mark.parametrize(
    ("free", "level"), [(0, Level.FAULT), (100, Level.NOTE), (600, Level.OK), (9000, Level.OK)]
)
def test_a_disk_is_judged_by_the_space_that_is_left(free, level):
    found = machine.disk(free * MEGABYTE, "/data")
    assert found.level is level and f"{free} MB" in found.what
    assert level is Level.OK or "/data" in found.mend


def test_definitions_that_cannot_be_used_are_named():
    found = machine.definitions("pipelines/a.yaml:3: triger: unknown key")
    assert found.check == "definitions" and "a.yaml:3" in found.what
