"""Ports of emulators answer on further addresses: bytes pass both ways, and ends are passed on."""

import asyncio
from contextlib import closing

import pytest

from emulators._forward import PortTaken, forwarding, own_addresses
from emulators._http import HOST, reserve

OTHER = "127.0.0.2"  # a second address that every Linux machine has


async def answered(port: int, said: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(OTHER, port)
    writer.write(said)
    writer.write_eof()
    try:
        return await reader.read()
    finally:
        writer.close()


async def loud(reader, writer):
    writer.write((await reader.read()).upper())
    writer.close()


def free_port() -> int:
    with reserve(0) as probe:
        return probe.getsockname()[1]


def test_a_port_answers_on_another_address_with_all_bytes():
    async def scenario(port: int) -> bytes:
        async with await asyncio.start_server(loud, HOST, port), forwarding([OTHER], [port]):
            return await answered(port, b"hello " * 50_000)

    assert asyncio.run(scenario(free_port())) == b"HELLO " * 50_000


def test_a_service_that_is_started_again_is_reached_again():
    async def scenario(port: int) -> list[bytes]:
        async with forwarding([OTHER], [port]):
            before = await answered(port, b"a")
            async with await asyncio.start_server(loud, HOST, port):
                return [before, await answered(port, b"a")]

    assert asyncio.run(scenario(free_port())) == [b"", b"A"]


def test_the_end_does_not_wait_for_whoever_stays_connected():
    async def scenario(port: int) -> bytes:
        async with await asyncio.start_server(loud, HOST, port):
            async with forwarding([OTHER], [port]):
                reader, writer = await asyncio.open_connection(OTHER, port)
            with closing(writer):
                return await reader.read()

    assert asyncio.run(scenario(free_port())) == b""


def test_a_port_that_is_taken_is_named():
    async def scenario(port: int) -> None:
        async with await asyncio.start_server(loud, OTHER, port), forwarding([OTHER], [port]):
            raise AssertionError("it was taken")

    with pytest.raises(PortTaken, match=f"of {OTHER} cannot be used .*choose others"):
        asyncio.run(scenario(free_port()))


def test_own_addresses_are_none_of_loopback():
    assert not [one for one in own_addresses() if one.startswith("127.")]
