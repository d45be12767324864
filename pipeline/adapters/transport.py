"""One pool of connections for all clients, sized for the app's own concurrency."""

from functools import cache

import requests
from azure.core.pipeline.transport import RequestsTransport

CONNECTIONS = 64
CONNECT_S = 10
READ_S = 120  # the service answers only when it has copied a block of up to 256 MiB


@cache
def shared_transport(*, local: bool) -> RequestsTransport:
    """Return the transport; `local` ignores the proxies of the environment."""
    session = requests.Session()
    session.trust_env = not local
    adapter = requests.adapters.HTTPAdapter(pool_connections=16, pool_maxsize=CONNECTIONS)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return RequestsTransport(
        session=session, session_owner=False, connection_timeout=CONNECT_S, read_timeout=READ_S
    )


def transport_to(endpoint: str) -> RequestsTransport:
    """Return the transport for an endpoint."""
    return shared_transport(local=endpoint.startswith("http://"))
