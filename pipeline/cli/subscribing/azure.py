"""How a deployment gets a subscription: commands of the Azure CLI, or an entry of its parameters.

Only the words; nothing here calls Azure.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.stack.config import Json
from pipeline.cli.subscribing.wanted import SCHEMA, Wanted

_NAMES = ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZURE_STORAGE_ACCOUNT")
_TOPIC = "FANFARE_TOPIC_ENDPOINT"
_SENDER = "Storage Queue Data Message Sender"


@dataclass(frozen=True)
class Topic:
    """The topic of a deployment, and its storage account."""

    subscription: str
    group: str
    account: str
    name: str

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Self:
        """Read the names from a deployment's env file. Raises CommandError."""
        missing = [name for name in (*_NAMES, _TOPIC) if not values.get(name)]
        # The first label of a topic's host is its name.
        topic = (urlsplit(values.get(_TOPIC, "")).hostname or "").partition(".")[0]
        if missing or not topic:
            raise CommandError(
                f"The target does not say which topic it has: its env file lacks "
                f"{', '.join(missing) or _TOPIC}. Take the one that azd wrote: .azure/NAME/.env.",
                Exit.UNREACHABLE,
            )
        subscription, group, account = (values[name] for name in _NAMES)
        return cls(subscription, group, account, topic)

    @property
    def id(self) -> str:
        """The topic's resource id."""
        return f"{self._provider('Microsoft.EventGrid')}/topics/{self.name}"

    @property
    def account_id(self) -> str:
        """The resource id of the storage account."""
        return f"{self._provider('Microsoft.Storage')}/storageAccounts/{self.account}"

    def _provider(self, name: str) -> str:
        group = f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
        return f"{group}/providers/{name}"


def commands(topic: Topic, wanted: Wanted) -> list[str]:
    """Write the commands that make a subscription, in their order; each may be repeated."""
    if wanted.url:
        return [_create(topic, wanted, "--endpoint-type", "webhook", "--endpoint", wanted.url)]
    queue = f"{topic.account_id}/queueServices/default/queues/{wanted.queue}"
    identity = _line(
        "az", "eventgrid", "topic", "show", "-g", topic.group, "-n", topic.name,
        "--query", "identity.principalId", "-o", "tsv",
    )  # fmt: skip
    role = _line(
        "az", "role", "assignment", "create", "--role", _SENDER, "--scope", queue,
        "--assignee-principal-type", "ServicePrincipal", "--assignee-object-id",
    )  # fmt: skip
    return [
        _line(
            "az", "storage", "queue", "create", "-n", wanted.queue,
            "--account-name", topic.account, "--auth-mode", "login",
        ),
        f"SENDER=$({identity})",
        f'{role} "$SENDER"',
        # The account takes no keys, so the topic delivers as itself.
        _create(
            topic, wanted, "--delivery-identity", "systemassigned",
            "--delivery-identity-endpoint-type", "storagequeue",
            "--delivery-identity-endpoint", queue,
        ),
    ]  # fmt: skip


def entry(topic: Topic, wanted: Wanted) -> dict[str, Json]:
    """Write the entry of `subscribers` in infra/main.parameters.json that makes the same."""
    only = wanted.filter.properties()
    target: dict[str, Json] = (
        {"kind": "webhook", "name": wanted.name, "endpoint": wanted.url}
        if wanted.url
        else {
            "kind": "queue",
            "name": wanted.name,
            "resourceId": topic.account_id,
            "queueName": wanted.queue,
        }
    )
    return {**target, **({"filter": only} if only else {})}


def deletion(topic: Topic, name: str) -> str:
    """Write the command that ends a subscription."""
    return _line(
        "az", "eventgrid", "event-subscription", "delete", "--source-resource-id", topic.id,
        "--name", name,
    )  # fmt: skip


def _create(topic: Topic, wanted: Wanted, *target: str) -> str:
    types, pipelines = wanted.filter.event_types, wanted.filter.pipelines
    only = [
        *(("--included-event-types", *types) if types else ()),
        *(("--advanced-filter", "data.pipeline", "StringIn", *pipelines) if pipelines else ()),
    ]
    return _line(
        "az", "eventgrid", "event-subscription", "create", "--source-resource-id", topic.id,
        "--name", wanted.name, "--event-delivery-schema", SCHEMA.lower(), *target, *only,
    )  # fmt: skip


def _line(*words: str) -> str:
    return shlex.join(words)
