"""Both clients over the same site, so that each test holds for either."""

import asyncio
import inspect

import httpx
import pytest
from fanfare import AsyncFanfare, Fanfare, Retries

from tests.client.site import APP, KEY, Site
from tests.fakes.app import FakeApp
from tests.fakes.definitions import written
from tests.unit.handlers.conftest import LINES

QUICK = Retries(most=3, first_s=0.0, longest_s=1.0)


class Waiting:
    """An asynchronous client whose methods wait, for tests that know only one way."""

    def __init__(self, client: AsyncFanfare) -> None:
        self._client = client

    def __getattr__(self, name):
        method = getattr(self._client, name)

        def call(*args, **kwargs):
            found = method(*args, **kwargs)
            return asyncio.run(found) if inspect.isawaitable(found) else _all(found)

        return call


def _all(stream):
    async def collect():
        return [each async for each in stream]

    return iter(asyncio.run(collect()))


@pytest.fixture
def site() -> Site:
    return Site(FakeApp.of(written((("job", LINES),))))


def client_of(kind, site, retries=QUICK, **given):
    given = given or {"key": KEY}
    if kind == "sync":
        http = httpx.Client(transport=httpx.MockTransport(site.handle))
        return Fanfare(APP, http=http, retries=retries, **given)
    http = httpx.AsyncClient(transport=httpx.MockTransport(site.handle_async))
    return Waiting(AsyncFanfare(APP, http=http, retries=retries, **given))


@pytest.fixture(params=["sync", "async"])
def kind(request) -> str:
    return request.param


@pytest.fixture
def client(kind, site):
    return client_of(kind, site)
