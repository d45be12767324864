"""What a round does to a service: it is killed, or hangs for some seconds."""

import os
import random
import signal
import time
from dataclasses import dataclass

import psutil

from tests.e2e.local import Stack
from tests.patience import until

TARGETS = ("storage", "eventgrid", "batch", "functions", "worker")
MANNERS = ("killed", "frozen")
_LONGEST_S = 4.0


@dataclass(frozen=True)
class Blow:
    """One blow, and how many seconds of the load pass before it and during it."""

    target: str
    manner: str
    after_s: float
    during_s: float

    @classmethod
    def drawn(cls, draw: random.Random) -> "Blow":
        """Draw the next blow."""
        times = draw.uniform(0, _LONGEST_S), draw.uniform(1, _LONGEST_S)
        return cls(draw.choice(TARGETS), draw.choice(MANNERS), *times)


def strike(stack: Stack, blow: Blow) -> None:
    """Strike at a moment of no meaning; return when the service is there again."""
    time.sleep(blow.after_s)
    if blow.manner == "killed":
        _kill(stack, blow.target)
        return
    pid = _process(stack, blow.target)
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(blow.during_s)
    finally:
        os.kill(pid, signal.SIGCONT)


def _kill(stack: Stack, target: str) -> None:
    if target != "worker":
        stack.kill(target)
        return
    before = _process(stack, target)
    os.kill(before, signal.SIGKILL)
    until(lambda: _worker(stack) not in (0, before), 60, "another worker")


def _process(stack: Stack, target: str) -> int:
    """Find the process that does the work of a service."""
    if target == "worker":
        return until(lambda: _worker(stack), 60, "a worker")
    if target == "storage":
        (azurite,) = psutil.Process(stack.pid(target)).children()
        return azurite.pid
    return stack.pid(target)


def _worker(stack: Stack) -> int:
    try:
        children = psutil.Process(stack.pid("functions")).children()
    except psutil.NoSuchProcess:
        return 0
    return children[0].pid if children else 0
