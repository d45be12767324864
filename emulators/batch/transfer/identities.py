"""Maps managed identities to storage accounts; only an identity or a SAS opens a private URL."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from emulators.batch.document import Doc
from emulators.batch.scheduler.verdict import Failure


class TransferFailed(Exception):
    """A file could not be transferred; the error carries the failure of the task."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Grant:
    """How to open a URL: with an account key, with a token of a managed identity, or with its own
    SAS."""

    account: str = ""
    key: str = ""
    client_id: str = ""


class Identities:
    """Maps identity resource ids, regardless of case, to accounts."""

    def __init__(
        self,
        entries: Mapping[str, Mapping[str, Any]],
        *,
        public_urls: bool = False,
        auto_storage: str = "",
    ) -> None:
        self._entries = {name.lower(): entry for name, entry in entries.items()}
        self._public, self._auto = public_urls, auto_storage.lower()

    @classmethod
    def read(
        cls, path: Path | None, *, public_urls: bool = False, auto_storage: str = ""
    ) -> "Identities":
        """Read the map; a missing or wrong file ends the program with a message."""
        if path is None:
            return cls({}, public_urls=public_urls, auto_storage=auto_storage)
        try:
            entries = json.loads(path.read_text())
            for entry in entries.values():
                _ = entry["account"], entry["blobEndpoint"], _grant(entry)
                _ = [_pair(login) for login in entry.get("registries", {}).values()]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            sys.exit(
                f"{path} is not a usable identities file ({type(error).__name__}: {error}); "
                'it has to look like {"<identity resource id>": {"account": "...", "key": "...", '
                '"blobEndpoint": "http://..."}}, '
                'with "clientId" instead of "key" for tokens of a managed identity, and perhaps '
                '"registries": {"<server>": {"username": "...", "password": "..."}}.'
            )
        return cls(entries, public_urls=public_urls, auto_storage=auto_storage)

    def auto_storage(self, container: str) -> tuple[str, Grant]:
        """Return the URL of a container in the auto-storage account, and how to open it."""
        for entry in self._entries.values():
            if entry["account"].lower() == self._auto:
                url = f"{entry['blobEndpoint'].rstrip('/')}/{quote(container, safe='')}"
                return url, _grant(entry)
        reason = "The account has no auto-storage account (--auto-storage, --identities)."
        failure = Failure("BlobDownloadMiscError", reason, "servererror")
        raise TransferFailed(failure)

    def login(self, resource_id: str, server: str) -> tuple[str, str] | None:
        """Return the user name and password that an identity stands for at a registry, or None."""
        entry = self._entries.get(resource_id.lower(), {})
        found = entry.get("registries", {}).get(server)
        return None if found is None else _pair(found)

    def grant(self, url: str, reference: Doc | None, denied_code: str) -> Grant:
        """Return how to open a URL; raises TransferFailed with the refusal of the service."""
        if reference and reference.get("resourceId"):
            entry = self._entries.get(str(reference["resourceId"]).lower())
            if entry is None:
                raise _denied(denied_code, url, "The identity is not assigned to the pool.")
            if not _within(url, entry["blobEndpoint"]):
                raise _denied(denied_code, url, "The identity has no role on this storage account.")
            return _grant(entry)
        has_sas = any(
            name == "sig" for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)
        )
        if has_sas or self._public:
            return Grant()
        raise _denied(denied_code, url, "The URL carries neither a SAS nor an identity.")


def _pair(login: Mapping[str, str]) -> tuple[str, str]:
    return login["username"], login["password"]


def _grant(entry: Mapping[str, str]) -> Grant:
    if "clientId" in entry:
        return Grant(entry["account"], client_id=entry["clientId"])
    return Grant(entry["account"], entry["key"])


def _within(url: str, endpoint: str) -> bool:
    asked, base = urlsplit(url), urlsplit(endpoint.rstrip("/") + "/")
    same_place = (asked.scheme, asked.netloc.lower()) == (base.scheme, base.netloc.lower())
    return same_place and asked.path.startswith(base.path) and ".." not in asked.path.split("/")


def _denied(code: str, url: str, reason: str) -> TransferFailed:
    return TransferFailed(
        Failure(
            code,
            "Access for one of the specified Azure Blob(s) is denied",
            details={"BlobSource": without_query(url), "Message": reason},
        )
    )


def hushed(text: str, url: str) -> str:
    """Return a text about a URL without the query of that URL, which may hold a secret."""
    query = urlsplit(url).query
    return text.replace(query, "***") if query else text


def without_query(url: str) -> str:
    """Return a URL without its query, which may hold a secret."""
    return urlsplit(url)._replace(query="", fragment="").geturl()
