"""Forwards ports from this machine's own addresses to loopback, where emulators listen.

A container needs this: whoever publishes its ports reaches its own address, not its loopback. The
bytes pass unchanged, so each service still looks at the name and the key of every request.
"""

import asyncio
import fcntl
import socket
import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack, asynccontextmanager, closing, suppress
from itertools import product

from emulators._http import HOST

_ADDRESS_OF = 0x8915  # SIOCGIFADDR
_CHUNK = 64 << 10


class PortTaken(Exception):
    """A port of one of these addresses cannot be used; the message says what to do."""


def own_addresses() -> list[str]:
    """Return the IPv4 addresses of this machine's network interfaces, except loopback."""
    found: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            with suppress(OSError):  # an interface without an address
                asked = struct.pack("256s", name.encode()[:15])
                found.append(socket.inet_ntoa(fcntl.ioctl(probe, _ADDRESS_OF, asked)[20:24]))
    return [address for address in found if not address.startswith("127.")]


@asynccontextmanager
async def forwarding(addresses: Iterable[str], ports: Iterable[int]) -> AsyncIterator[None]:
    """Forward these ports of these addresses to loopback during a with block.

    Raises PortTaken if one is taken.
    """
    with ExitStack() as held:
        for address, port in product(addresses, ports):
            server = await _listening(address, port)
            held.callback(server.close_clients)  # else one that stays connected would be waited for
            held.callback(server.close)
        yield


async def _listening(address: str, port: int) -> asyncio.Server:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(OSError):  # such as of a service that is started again
            inward_reader, inward_writer = await asyncio.open_connection(HOST, port)
            with closing(inward_writer):
                await asyncio.gather(_pipe(reader, inward_writer), _pipe(inward_reader, writer))

    try:
        return await asyncio.start_server(accept, address, port)
    except OSError as error:
        raise PortTaken(
            f"Port {port} of {address} cannot be used ({error.strerror}): choose others."
        ) from error


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction to its end, and pass the end on."""
    while content := await reader.read(_CHUNK):
        writer.write(content)
        await writer.drain()
    writer.write_eof()
