"""Downloads from storage that is busy, pages its lists, breaks off or lies; and a full disk."""

import asyncio
import errno
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from emulators.batch.transfer.blobs import Blobs
from emulators.batch.transfer.identities import Grant, Identities, TransferFailed
from emulators.batch.transfer.resource_files import fetch_all

_PAGES = {"": (["a", "d/b", "d/"], "more"), "more": (["c"], "")}


class Storage:
    """A container in two pages; it refuses each request once before it answers."""

    def __init__(self) -> None:
        self.refused: set[str] = set()

    async def handle(self, request: web.Request) -> web.Response:
        if request.path_qs not in self.refused:
            self.refused.add(request.path_qs)
            return web.Response(status=503)
        if request.query.get("comp") != "list":
            return web.Response(text=request.path)
        names, following = _PAGES[request.query["marker"]]
        blobs = "".join(f"<Blob><Name>{name}</Name></Blob>" for name in names)
        page = f"<E><Blobs>{blobs}</Blobs><NextMarker>{following}</NextMarker></E>"
        return web.Response(text=page)


async def lies(_: web.Request) -> web.Response:
    return web.Response(text="no list at all")


async def missing(_: web.Request) -> web.Response:
    return web.Response(status=404)


async def fetched(handler: object, file: dict[str, str], wd: Path) -> None:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with aiohttp.ClientSession() as session:
            given = {name: value.format(base=base) for name, value in file.items()}
            await fetch_all([given], wd, Blobs(session), Identities({}, public_urls=True))
    finally:
        await runner.cleanup()


def test_a_listing_is_followed_to_its_end_and_busy_storage_is_asked_again(tmp_path: Path) -> None:
    file = {"storageContainerUrl": "{base}/c", "filePath": "in"}
    asyncio.run(fetched(Storage().handle, file, tmp_path))
    found = {
        str(p.relative_to(tmp_path)): p.read_text() for p in tmp_path.rglob("*") if p.is_file()
    }
    assert found == {"in/a": "/c/a", "in/d/b": "/c/d/b", "in/c": "/c/c"}


@pytest.mark.parametrize(
    ("handler", "code"), [(lies, "BlobDownloadMiscError"), (missing, "BlobNotFound")]
)
def test_a_container_that_cannot_be_listed_fails_the_task(
    tmp_path: Path, handler: object, code: str
) -> None:
    with pytest.raises(TransferFailed) as error:
        asyncio.run(fetched(handler, {"storageContainerUrl": "{base}/c"}, tmp_path))
    assert error.value.failure.code == code


class FullDisk(Blobs):
    """A disk without any room."""

    def __init__(self) -> None:
        pass

    async def download(self, url: str, grant: Grant, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_told_apart(tmp_path: Path) -> None:
    file = {"httpUrl": "http://127.0.0.1/a", "filePath": "a"}
    with pytest.raises(TransferFailed) as error:
        asyncio.run(fetch_all([file], tmp_path, FullDisk(), Identities({}, public_urls=True)))
    assert (error.value.failure.code, error.value.failure.category) == ("DiskFull", "servererror")
