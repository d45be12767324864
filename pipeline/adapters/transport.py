"""One pool of connections for all clients, sized for the app's own concurrency."""

from functools import cache

import requests
from azure.core.pipeline.transport import RequestsTransport

CONNECTIONS = 64
CONNECT_S = 10
READ_S = 120  # Storage answers only when it has copied a block of up to 256 MiB
_BATCH_S, _LOCAL_BATCH_S = 45, 15  # Batch itself gives up after 30 s


@cache
def shared_transport(*, local: bool, read_s: int) -> RequestsTransport:
    """Return the transport; `local` ignores the proxies of the environment."""
    session = requests.Session()
    session.trust_env = not local
    adapter = requests.adapters.HTTPAdapter(pool_connections=16, pool_maxsize=CONNECTIONS)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return RequestsTransport(
        session=session, session_owner=False, connection_timeout=CONNECT_S, read_timeout=read_s
    )


def transport_to(endpoint: str) -> RequestsTransport:
    """Return the transport for an endpoint."""
    return shared_transport(local=endpoint.startswith("http://"), read_s=READ_S)


def transport_to_batch(endpoint: str) -> RequestsTransport:
    """Return the transport for Batch, which does not wait long for an answer."""
    local = endpoint.startswith("http://")
    return shared_transport(local=local, read_s=_LOCAL_BATCH_S if local else _BATCH_S)
