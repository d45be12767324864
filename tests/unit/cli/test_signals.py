"""A program that is told to end ends, whatever it is doing at that moment."""

import signal
import subprocess
import sys

import pytest

from tests.dispositions import HEARING

MAIN = """
import io
import signal
import time
from pipeline.cli.stack import signals

class Answer(io.RawIOBase):
    def close(self):  # called by a finaliser, which drops what is raised here
        signal.raise_signal(signal.{name})

def in_a_finaliser():
    Answer()

def in_a_bare_except():
    try:
        signal.raise_signal(signal.{name})
    except:
        pass

signals.end_in_order()
try:
    {where}()
    time.sleep(60)
finally:
    signals.ending()
    time.sleep(1.5)  # longer than it takes until the exception is raised again
    print("cleaned up")
"""


@pytest.mark.parametrize("where", ["in_a_finaliser", "in_a_bare_except"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_program_ends_though_a_library_swallowed_what_the_signal_raised(where, number):
    program = MAIN.format(name=number.name, where=where)
    command = [*HEARING, sys.executable, "-c", program]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (ended.returncode, ended.stdout) == (128 + number, "cleaned up\n"), ended.stderr
