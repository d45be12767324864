"""A test's own server on this machine, with a handler of `http.server`."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """A handler that prints nothing; subclasses answer."""

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def listening(handler: type[Handler]) -> Iterator[str]:
    """Serve during a with block; yield the URL, without a path."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
