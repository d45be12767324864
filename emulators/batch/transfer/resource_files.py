"""Brings a task's resource files into its working directory before it starts."""

from pathlib import Path, PurePosixPath

import aiohttp

from emulators.batch.document import Doc
from emulators.batch.scheduler.verdict import Failure
from emulators.batch.transfer.blobs import BlobRefused, Blobs, blob_url
from emulators.batch.transfer.identities import Grant, Identities, TransferFailed, without_query

_DEFAULT_MODE = "0770"
_DENIED = frozenset({401, 403})
_NOT_FOUND = 404


async def fetch_all(files: list[Doc], wd: Path, blobs: Blobs, identities: Identities) -> None:
    """Fetch every file or raise TransferFailed for the first that cannot be had."""
    for file in files:
        if file.get("httpUrl"):
            url = str(file["httpUrl"])
            grant = identities.grant(url, file.get("identityReference"), "BlobAccessDenied")
            await _fetch(blobs, url, grant, _inside(wd, str(file["filePath"])), file)
        elif file.get("storageContainerUrl"):
            await _fetch_container(file, wd, blobs, identities)
        else:
            raise TransferFailed(
                Failure(
                    "BlobDownloadMiscError",
                    "The account has no auto-storage account.",
                    "servererror",
                )
            )


async def _fetch_container(file: Doc, wd: Path, blobs: Blobs, identities: Identities) -> None:
    url = str(file["storageContainerUrl"])
    grant = identities.grant(url, file.get("identityReference"), "BlobAccessDenied")
    folder = PurePosixPath(str(file.get("filePath") or "."))
    try:
        names = [name async for name in blobs.names(url, grant, str(file.get("blobPrefix") or ""))]
    except (BlobRefused, aiohttp.ClientError, TimeoutError) as error:
        raise _failed(url, error) from error
    for name in names:
        await _fetch(blobs, blob_url(url, name), grant, _inside(wd, str(folder / name)), file)


async def _fetch(blobs: Blobs, url: str, grant: Grant, target: Path, file: Doc) -> None:
    try:
        await blobs.download(url, grant, target)
        target.chmod(int(str(file.get("fileMode") or _DEFAULT_MODE), 8))
    except (BlobRefused, aiohttp.ClientError, TimeoutError) as error:
        raise _failed(url, error) from error
    except OSError as error:
        details = {"FilePath": str(target.name), "Message": error.strerror or ""}
        raise TransferFailed(
            Failure(
                "ResourceFileWriteFailed",
                "A resource file could not be written",
                "servererror",
                details,
            )
        ) from error


def _inside(wd: Path, relative: str) -> Path:
    target = (wd / relative).resolve()
    if not target.is_relative_to(wd.resolve()):
        raise TransferFailed(
            Failure(
                "ResourceFileWriteFailed",
                "The path of a resource file leaves the working directory",
                details={"FilePath": relative},
            )
        )
    return target


def _failed(url: str, error: Exception) -> TransferFailed:
    details = {"BlobSource": without_query(url), "Message": str(error)}
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
