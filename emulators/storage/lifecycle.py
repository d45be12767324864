"""Deletes old blobs by the rules of a management policy, as Azure does about once a day.

Of a policy it knows what `parse_rules` reads: block blobs with a prefix, deleted so many days after
their last modification. Anything else is refused.
https://learn.microsoft.com/azure/storage/blobs/lifecycle-management-policy-structure
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

_LOG = logging.getLogger("storage.lifecycle")
_EVERY_S = 3600.0
_RULE = {"name", "enabled", "type", "definition"}


class PolicyUnusable(Exception):
    """The policy has something that this emulator does not do; the text names it."""


@dataclass(frozen=True)
class Rule:
    """Blobs of a container whose names begin with a prefix are deleted after an age."""

    container: str
    prefix: str
    age: timedelta

    def strikes(self, name: str, modified: datetime, now: datetime) -> bool:
        """Return whether a blob is to be deleted."""
        return name.startswith(self.prefix) and now - modified > self.age


def read_rules(path: Path) -> list[Rule]:
    """Read the rules of a policy file. Raises PolicyUnusable."""
    try:
        return list(parse_rules(json.loads(path.read_text("utf-8"))))
    except (OSError, ValueError) as error:
        raise PolicyUnusable(f"The lifecycle policy {path} cannot be read: {error}.") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise PolicyUnusable(f"The lifecycle policy {path} lacks or misplaces {error}.") from error


def parse_rules(policy: object) -> Iterator[Rule]:
    """Yield the rules of a policy in force. Raises PolicyUnusable, KeyError, TypeError."""
    _only("policy", policy, {"rules"})
    for rule in policy["rules"]:  # type: ignore[index] # `_only` says so
        _only("rule", rule, _RULE)
        definition = rule["definition"]
        _only("definition", definition, {"filters", "actions"})
        _only("filters", definition["filters"], {"blobTypes", "prefixMatch"})
        _only("actions", definition["actions"], {"baseBlob"})
        _only("baseBlob", definition["actions"]["baseBlob"], {"delete"})
        delete = definition["actions"]["baseBlob"]["delete"]
        _only("delete", delete, {"daysAfterModificationGreaterThan"})
        if definition["filters"]["blobTypes"] != ["blockBlob"]:
            raise PolicyUnusable("blobTypes: only blockBlob is emulated")
        if rule["enabled"]:
            age = timedelta(days=float(delete["daysAfterModificationGreaterThan"]))
            for prefix in definition["filters"]["prefixMatch"]:
                container, _, name = prefix.partition("/")
                yield Rule(container, name, age)


def _only(what: str, value: object, known: set[str]) -> None:
    if not isinstance(value, dict):
        raise PolicyUnusable(f"{what} must be an object")
    if unknown := value.keys() - known:
        raise PolicyUnusable(f"{what}: {', '.join(sorted(unknown))} is not emulated")


async def keep(rules: Iterable[Rule], connection_string: str, every_s: float = _EVERY_S) -> None:
    """Apply the rules now and then, forever; trouble with storage waits for the next time."""
    while True:
        try:
            deleted = await asyncio.to_thread(apply, list(rules), connection_string)
        except OSError as error:
            _LOG.warning("Old blobs not deleted: %s", error)
        else:
            _LOG.info("Old blobs deleted: %d", deleted)
        await asyncio.sleep(every_s)


def apply(rules: list[Rule], connection_string: str) -> int:
    """Delete what the rules strike now; return how many blobs. Raises OSError."""
    # A third of a second to import; a storage without a policy never needs it.
    from azure.core.exceptions import AzureError  # noqa: PLC0415 see above
    from azure.storage.blob import BlobServiceClient  # noqa: PLC0415 see above

    now = datetime.now(UTC)
    try:
        with BlobServiceClient.from_connection_string(connection_string) as service:
            return sum(
                _apply_one(rule, service.get_container_client(rule.container), now)
                for rule in rules
            )
    except AzureError as error:
        raise OSError(str(error)) from error


def _apply_one(rule: Rule, container: "ContainerClient", now: datetime) -> int:
    from azure.core import MatchConditions  # noqa: PLC0415 as in `apply`
    from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError  # noqa: PLC0415

    deleted = 0
    try:
        old = [
            (blob.name, blob.etag)
            for blob in container.list_blobs(name_starts_with=rule.prefix)
            if rule.strikes(blob.name, blob.last_modified, now)
        ]
    except ResourceNotFoundError:
        return 0
    for name, etag in old:
        # Whoever writes the blob meanwhile keeps it.
        with contextlib.suppress(ResourceModifiedError, ResourceNotFoundError):
            container.delete_blob(
                name,
                delete_snapshots="include",
                etag=etag,
                match_condition=MatchConditions.IfNotModified,
            )
            deleted += 1
    return deleted
