"""A stack ends in order by each signal, and with its starter if it was asked to."""

import json
import os
import signal
import subprocess

import pytest

from tests.emulators.batch.running import alive
from tests.patience import stretched, until

IN_ORDER = ["stop functions", "stop storage"]


def ended(stack, told):
    """Wait for the end of a stack, and return the first and the last service that stopped."""
    assert stack.processes[-1].wait(stretched(90)) == 0
    assert not any(alive(pid) for pid in told["pids"].values())
    stops = [event for event in stack.events() if event.startswith("stop")]
    return [stops[0], stops[-1]]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_each_signal_stops_all_services_in_order(stack, number):
    told = stack.ready()
    os.kill(told["pid"], number)
    assert ended(stack, told) == IN_ORDER


def test_a_hangup_that_nohup_ignores_stays_ignored(stack):
    told = stack.ready(under=["nohup"])
    os.kill(told["pid"], signal.SIGHUP)
    os.kill(told["pids"]["batch"], signal.SIGKILL)
    until(lambda: stack.events().count("start batch") == 2)  # it works on


def test_a_stack_ends_with_its_starter(stack):
    process = stack.start("--with-starter", stdin=subprocess.PIPE)
    told = json.loads(process.stdout.readline())
    process.stdin.close()
    process.stdin = None
    assert ended(stack, told) == IN_ORDER


def test_a_starter_that_says_stay_leaves_its_stack(stack):
    process = stack.start("--with-starter", stdin=subprocess.PIPE)
    told = json.loads(process.stdout.readline())
    process.stdin.write("stay\n")
    process.stdin.close()
    os.kill(told["pids"]["batch"], signal.SIGKILL)
    until(lambda: stack.events().count("start batch") == 2)
    assert process.poll() is None
    process.stdin = None


def test_a_suspended_service_delays_no_stop(stack):
    told = stack.ready()
    os.kill(told["pids"]["batch"], signal.SIGSTOP)
    os.kill(told["pid"], signal.SIGTERM)
    assert ended(stack, told) == IN_ORDER
    assert "stop batch" in stack.events()
