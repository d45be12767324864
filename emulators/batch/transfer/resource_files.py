"""Brings the resource files of a task into its working directory before it starts."""

import asyncio
import errno
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import aiohttp

from emulators.batch.document import Doc
from emulators.batch.scheduler.verdict import Failure
from emulators.batch.transfer.blobs import BlobRefused, Blobs, blob_url
from emulators.batch.transfer.identities import (
    Grant,
    Identities,
    TransferFailed,
    hushed,
    without_query,
)
from emulators.batch.transfer.retries import persistently

_DEFAULT_MODE = "0770"
_DENIED = frozenset({401, 403})
_NOT_FOUND = 404
_AT_ONCE = 8
_ALL_MODES = 0o7777


@dataclass(frozen=True, slots=True)
class _Download:
    """One blob, how to open it, and the file that it becomes."""

    url: str
    grant: Grant
    target: Path
    mode: int


async def fetch_all(files: list[Doc], wd: Path, blobs: Blobs, identities: Identities) -> None:
    """Fetch every file, a few at once; raises TransferFailed if one cannot be fetched."""
    waiting: asyncio.Queue[_Download | None] = asyncio.Queue(_AT_ONCE)
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE if len(files) > 1 or not files[0].get("httpUrl") else 1):
                group.create_task(_work(waiting, blobs))
            async for download in _planned(files, wd, blobs, identities):
                await waiting.put(download)
            await waiting.put(None)
    except* TransferFailed as failures:
        raise _first(failures) from failures


def _first(failures: BaseExceptionGroup[TransferFailed]) -> TransferFailed:
    failure = failures.exceptions[0]
    return _first(failure) if isinstance(failure, BaseExceptionGroup) else failure


async def _work(waiting: asyncio.Queue[_Download | None], blobs: Blobs) -> None:
    while (download := await waiting.get()) is not None:
        await _fetch(blobs, download)
    # Each worker tells the next one that nothing follows.
    waiting.put_nowait(None)


async def _planned(
    files: list[Doc], wd: Path, blobs: Blobs, identities: Identities
) -> AsyncIterator[_Download]:
    for file in files:
        mode = _mode(str(file.get("fileMode") or _DEFAULT_MODE))
        if file.get("httpUrl"):
            url = str(file["httpUrl"])
            grant = identities.grant(url, file.get("identityReference"), "BlobAccessDenied")
            yield _Download(url, grant, _inside(wd, str(file["filePath"])), mode)
            continue
        url, grant = _container(file, identities)
        folder = PurePosixPath(str(file.get("filePath") or "."))
        try:
            async for name in _names(blobs, url, grant, str(file.get("blobPrefix") or "")):
                # A name that ends in a slash stands for a folder.
                if not name.endswith("/"):
                    target = _inside(wd, str(folder / name.lstrip("/")))
                    yield _Download(blob_url(url, name), grant, target, mode)
        except (BlobRefused, aiohttp.ClientError, TimeoutError, ET.ParseError) as error:
            raise _failed(url, error) from error


async def _names(blobs: Blobs, url: str, grant: Grant, prefix: str) -> AsyncIterator[str]:
    marker, first = "", True
    while first or marker:
        first = False
        found, marker = await persistently(partial(blobs.page, url, grant, prefix, marker))
        for name in found:
            yield name


def _container(file: Doc, identities: Identities) -> tuple[str, Grant]:
    if file.get("storageContainerUrl"):
        url = str(file["storageContainerUrl"])
        return url, identities.grant(url, file.get("identityReference"), "BlobAccessDenied")
    return identities.auto_storage(str(file["autoStorageContainerName"]))


async def _fetch(blobs: Blobs, download: _Download) -> None:
    try:
        await persistently(lambda: blobs.download(download.url, download.grant, download.target))
        download.target.chmod(download.mode)
    except (BlobRefused, aiohttp.ClientError, TimeoutError) as error:
        raise _failed(download.url, error) from error
    except OSError as error:
        raise _unwritable(download.target, error) from error


def _unwritable(target: Path, error: OSError) -> TransferFailed:
    code = "DiskFull" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "ResourceFileWriteFailed"
    details = {"FilePath": target.name, "Message": error.strerror or str(error)}
    message = "A resource file could not be written"
    return TransferFailed(Failure(code, message, "servererror", details))


def _mode(text: str) -> int:
    try:
        return int(text, 8) & _ALL_MODES
    except ValueError:
        raise _refused("The file mode of a resource file is not octal", text) from None


def _inside(wd: Path, relative: str) -> Path:
    try:
        target = (wd / relative).resolve()
    except (OSError, ValueError) as error:
        raise _refused("The path of a resource file is not a valid path", relative) from error
    if target == wd.resolve() or not target.is_relative_to(wd.resolve()):
        raise _refused("The path of a resource file leaves the working directory", relative)
    return target


def _refused(reason: str, what: str) -> TransferFailed:
    return TransferFailed(Failure("ResourceFileWriteFailed", reason, details={"FilePath": what}))


def _failed(url: str, error: Exception) -> TransferFailed:
    details = {"BlobSource": without_query(url), "Message": hushed(str(error), url)}
    status = error.status if isinstance(error, BlobRefused) else 0
    if status == _NOT_FOUND:
        return TransferFailed(
            Failure(
                "BlobNotFound", "One of the specified Azure Blob(s) is not found", details=details
            )
        )
    if status in _DENIED:
        return TransferFailed(
            Failure(
                "BlobAccessDenied",
                "Access for one of the specified Azure Blob(s) is denied",
                details=details,
            )
        )
    code = "BlobDownloadTimedOut" if isinstance(error, TimeoutError) else "BlobDownloadMiscError"
    return TransferFailed(
        Failure(code, "A blob could not be downloaded", category="servererror", details=details)
    )
