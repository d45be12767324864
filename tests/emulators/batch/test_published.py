"""Only with `--published` the emulator answers on this machine's other addresses."""

import http.client
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from emulators._forward import own_addresses
from tests.emulators.batch.running import Emulator
from tests.patience import stretched

ADDRESSES = own_addresses()
pytestmark = pytest.mark.skipif(not ADDRESSES, reason="this machine has no address but loopback")


def status(port: int | None, host: str) -> int:
    """Ask at the machine's own address for an emulator that the client calls `host`."""
    connection = http.client.HTTPConnection(ADDRESSES[0], port, timeout=stretched(20))
    try:
        connection.request("GET", "/health", headers={"Host": f"{host}:{port}"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_published_emulator_answers_who_asks_for_loopback(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path, "--published")
    try:
        port = urlsplit(emulator.endpoint).port
        assert status(port, "127.0.0.1") == 200
        assert status(port, ADDRESSES[0]) == 421
    finally:
        assert emulator.stop() == 0


def test_others_answer_on_loopback_alone(emulator: Emulator) -> None:
    with pytest.raises(ConnectionRefusedError):
        status(urlsplit(emulator.endpoint).port, "127.0.0.1")
