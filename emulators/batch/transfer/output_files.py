"""Uploads the output files of a task after its process has ended."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aiohttp

from emulators.batch.agent.beneath import opened
from emulators.batch.document import Doc
from emulators.batch.scheduler.verdict import Failure
from emulators.batch.transfer.blobs import BlobRefused, Blobs, blob_url
from emulators.batch.transfer.identities import Identities, TransferFailed, hushed, without_query
from emulators.batch.transfer.patterns import anchor_of, expand, is_wild, matches
from emulators.batch.transfer.retries import persistently

_DENIED = frozenset({401, 403})
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Upload:
    """One file, and the container and name that it goes to; no link beneath `anchor` is
    followed."""

    source: Path
    anchor: Path
    container_url: str
    name: str
    identity: Doc | None
    headers: Mapping[str, str]


def planned(
    outputs: list[Doc], wd: Path, anchor: Path, env: Mapping[str, str], *, succeeded: bool
) -> list[Upload]:
    """Return the uploads that follow from this outcome; a pattern without a match is not a
    failure."""
    wanted = {"taskcompletion", "tasksuccess" if succeeded else "taskfailure"}
    uploads: list[Upload] = []
    for output in outputs:
        condition = str(
            (output.get("uploadOptions") or {}).get("uploadCondition") or "taskcompletion"
        )
        if condition.lower() in wanted:
            uploads += _uploads_of(output, wd, anchor, env)
    return uploads


def _uploads_of(output: Doc, wd: Path, anchor: Path, env: Mapping[str, str]) -> Iterator[Upload]:
    pattern = expand(str(output["filePattern"]), env)
    container = (output.get("destination") or {}).get("container") or {}
    headers = {
        str(one["name"]): str(one.get("value") or "")
        for one in container.get("uploadHeaders") or ()
    }
    path = str(container.get("path") or "")
    for source, below in matches(pattern, wd, anchor):
        if is_wild(pattern):
            name = f"{path.rstrip('/')}/{below}" if path else below
        else:
            name = path or source.name
        yield Upload(
            source,
            anchor_of(source.parent, anchor),
            str(container["containerUrl"]),
            name,
            container.get("identityReference"),
            headers,
        )


def _tell_nobody(upload: Upload, failed: TransferFailed | None) -> None:
    """Ignore the end of an upload."""


async def upload_all(
    uploads: list[Upload],
    blobs: Blobs,
    identities: Identities,
    before: Callable[[Upload], Awaitable[None]],
    tell: Callable[[Upload, TransferFailed | None], None] = _tell_nobody,
) -> None:
    """Upload in the given order; try all, then raise the first failure."""
    first: TransferFailed | None = None
    for upload in uploads:
        failed = await _tried(upload, blobs, identities, before)
        tell(upload, failed)
        first = first or failed
    if first:
        raise first


async def _tried(
    upload: Upload,
    blobs: Blobs,
    identities: Identities,
    before: Callable[[Upload], Awaitable[None]],
) -> TransferFailed | None:
    try:
        await before(upload)
        grant = identities.grant(upload.container_url, upload.identity, "FileUploadAccessDenied")
        url = blob_url(upload.container_url, upload.name)
        with opened(upload.source, upload.anchor) as file:
            await persistently(partial(blobs.upload, url, grant, file, upload.headers))
    except TransferFailed as error:
        return error
    except (BlobRefused, aiohttp.ClientError, TimeoutError, OSError) as error:
        return _failed(upload, error)
    return None


def _failed(upload: Upload, error: Exception) -> TransferFailed:
    details = {
        "FilePath": upload.source.name,
        "Destination": without_query(upload.container_url),
        "Message": hushed(str(error), upload.container_url),
    }
    status = error.status if isinstance(error, BlobRefused) else 0
    if status in _DENIED:
        return TransferFailed(
            Failure(
                "FileUploadAccessDenied",
                "Access to the upload destination was denied",
                details=details,
            )
        )
    if status == _NOT_FOUND:
        return TransferFailed(
            Failure(
                "FileUploadContainerNotFound",
                "The upload destination does not exist",
                details=details,
            )
        )
    return TransferFailed(
        Failure("FileUploadMiscError", "A file could not be uploaded", "servererror", details)
    )
