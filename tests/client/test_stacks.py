"""The stack that tests start: what is told when it does not come up, or does not stop."""

import pytest
from fanfare.errors import Unreachable
from fanfare.testing.stacks import stack

UP_FAILS = 'echo "$1: no port is free" >&2\n[ "$1" != up ]'
ALL_FAILS = 'echo "$1: no port is free" >&2\nexit 1'


def start(tmp_path, monkeypatch, script):
    """Start a stack by a command `fanfare` that does this; note what was called."""
    program, calls = tmp_path / "fanfare", tmp_path / "calls"
    program.write_text(f'#!/bin/sh\necho "$1" >> {calls}\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with (
        pytest.raises(Unreachable) as raised,
        stack({}, tmp_path / "project", lambda: tmp_path / "data"),
    ):
        pytest.fail("there is no stack")
    assert calls.read_text().split() == ["up", "down"]
    return str(raised.value)


def test_a_stack_that_does_not_start_is_cleared_away(tmp_path, monkeypatch):
    assert start(tmp_path, monkeypatch, UP_FAILS).endswith("failed: up: no port is free")


def test_why_it_did_not_start_is_told_although_it_cannot_be_stopped_either(tmp_path, monkeypatch):
    said = start(tmp_path, monkeypatch, ALL_FAILS)
    assert said.index("up: no port is free") < said.index("down: no port is free")
