"""Azurite ends at once while it starts, and only in order once it listens."""

import signal
import subprocess
from contextlib import contextmanager

import pytest

from emulators.storage.azurite import find_node
from tests.dispositions import HEARING
from tests.needs import ROOT

HOOK = ROOT / "emulators/storage/ending_hook.cjs"
STARTS = "setTimeout(() => {}, 60000); console.log('up');"
LISTENS = "process.once('SIGTERM', () => setTimeout(() => process.exit(7), 200));" + STARTS


@contextmanager
def running(script):
    command = [*HEARING, str(find_node()), "--require", str(HOOK), "-e", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as node:
        try:
            assert node.stdout.readline() == b"up\n"
            yield node
        finally:
            node.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_start_ends_at_once(number):
    with running(STARTS) as node:
        node.send_signal(number)
        assert node.wait(20) == 128 + number


def test_a_second_signal_does_not_disturb_the_orderly_end():
    with running(LISTENS) as node:
        node.send_signal(signal.SIGTERM)
        node.send_signal(signal.SIGTERM)
        assert node.wait(20) == 7
