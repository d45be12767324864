"""The configuration of the local stack as plain data: accounts, keys, subscriptions, settings."""

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from pipeline.cli.exits import CommandError

ACCOUNT = "fanfare"
BATCH_ACCOUNT = "fanfarebatch"
TOPIC = "fanfare-runs"
COMPLETIONS = "completions"
NODE_IDENTITY = (
    "/subscriptions/local/resourceGroups/local/providers/Microsoft.ManagedIdentity"
    "/userAssignedIdentities/fanfare-node"
)
SUBSCRIPTIONS = Path("infra/event-subscriptions.json")
LIFECYCLE = Path("infra/lifecycle.json")
_KEPT_DAYS = 7  # what ended runs leave besides their output; in Azure `workRetentionDays`
_MISSED_DAYS = 30  # later, by the policy: what the engine missed
# Ports of the services counted from `fanfare up --port`.
PORTS = (
    "functions", "storage", "storage.blob", "storage.queue", "storage.table", "eventgrid", "batch",
)  # fmt: skip
_SMALLEST_KEY = 32

type Json = dict[str, Json] | list[Json] | str | int | float | bool | None

# A task's image is pulled when the task starts, so no pool waits for a registry or for a container
# engine. Pools with GPUs run on any machine.
_ANY_MACHINE = ("--image-pulls", "task", "--missing-gpu", "cpu")
# A pool accepts a formula every second instead of every half minute, and evaluates it every 6 s.
_QUICK_POOLS = ("--autoscale-min-seconds", "1", "--autoscale-interval-scale", "0.02")
# Emulated services answer in milliseconds, so the engine may suspect a loss earlier.
_PATIENCE_S = {
    "RECEIPT": 10, "UPLOAD": 60, "LOST_EVENT": 30, "PUSH": 1, "DEMAND": 120, "STALE": 60,
    "PREPARATION": 15, "POOL": 600,
}  # fmt: skip
_SETTINGS = {
    "AzureWebJobsStorage": "{storage.connection_string}",
    "FANFARE_BATCH_ENDPOINT": "{batch.endpoint}",
    "FANFARE_BATCH_ACCOUNT": "{batch.account}",
    "FANFARE_BATCH_KEY": "{batch.key}",
    "FANFARE_TOPIC_ENDPOINT": f"{{eventgrid.endpoint}}/topics/{TOPIC}/api/events",
    "FANFARE_TOPIC_KEY": "{eventgrid.key}",
    "FANFARE_NODE_IDENTITY": NODE_IDENTITY,
    "FANFARE_MISSING_GPU": "cpu",
    "FANFARE_RELOAD": "true",
    # A thread for each message in hand, as in Azure.
    "PYTHON_THREADPOOL_THREAD_COUNT": "18",
    "FANFARE_KEEP_PARTS_DAYS": str(_KEPT_DAYS),
    "FANFARE_TICK": "*/5 * * * * *",
    "FANFARE_LOST_EVENTS": "*/30 * * * * *",
    # The doorbell wakes polls; only what is lost when a service is killed waits for the next.
    "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:05",
    **{f"FANFARE_PATIENCE_{name}_S": str(seconds) for name, seconds in _PATIENCE_S.items()},
}


@dataclass(frozen=True)
class Keys:
    """The secrets of one local stack, Base64."""

    storage: str
    batch: str
    eventgrid: str

    @classmethod
    def draw(cls, draw: Callable[[int], bytes] = secrets.token_bytes) -> Self:
        """Make new random keys."""
        return cls(*(base64.b64encode(draw(64)).decode() for _ in range(3)))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `dump` wrote. Raises ValueError."""
        content = json.loads(text)
        if not isinstance(content, dict) or set(content) != {"storage", "batch", "eventgrid"}:
            raise ValueError("it must hold three keys")
        keys = cls(**{name: str(value) for name, value in content.items()})
        for key in asdict(keys).values():
            if len(base64.b64decode(key, validate=True)) < _SMALLEST_KEY:
                raise ValueError("a key is too short")
        return keys

    def dump(self) -> str:
        """Write the keys as JSON."""
        return json.dumps(asdict(self), indent=2) + "\n"


@dataclass(frozen=True)
class Wishes:
    """What a user can choose for the local stack."""

    profile: str = "benign"
    seed: int = 0
    port: int = 0
    app: Path | None = None  # an unpacked package, which has definitions of its own
    published: bool = False  # the ports answer on this machine's other addresses, too


def stack_config(keys: Keys, app_root: Path, definitions: Path, wishes: Wishes) -> dict[str, Json]:
    """Describe the stack of an app and the definitions that it works with."""
    used = wishes.app or definitions
    return {
        "account": ACCOUNT,
        "storage_key": keys.storage,
        "batch_account": BATCH_ACCOUNT,
        "batch_key": keys.batch,
        "eventgrid_key": keys.eventgrid,
        "eventgrid": eventgrid_config(app_root),
        "lifecycle": _lifecycle(app_root),
        "app": str(wishes.app or app_root),
        "settings": {**_SETTINGS, "FANFARE_DEFINITIONS": str(used)},
        "identities": [],  # as in Azure, the nodes' identity opens nothing
        "profile": wishes.profile,
        "seed": wishes.seed,
        "published": wishes.published,
        "ports": {name: wishes.port + n for n, name in enumerate(PORTS)} if wishes.port else {},
        "options": {"batch": [*_QUICK_POOLS, *_ANY_MACHINE]},
    }


def eventgrid_config(app_root: Path) -> dict[str, Json]:
    """Return the deployment's topics and subscriptions, and a subscription for local readers."""
    try:
        shared = json.loads((app_root / SUBSCRIPTIONS).read_text("utf-8"))
        subscriptions = [*shared["eventSubscriptions"], _completions()]
        return {"topics": shared["topics"], "eventSubscriptions": subscriptions}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{SUBSCRIPTIONS} cannot be used: {error}; restore it.") from error


def _lifecycle(app_root: Path) -> Json:
    """Return the deployment's policy for old blobs, with the days of a local stack."""
    try:
        policy = (app_root / LIFECYCLE).read_text("utf-8")
        kept: Json = json.loads(policy.replace('"{days}"', str(_KEPT_DAYS + _MISSED_DAYS)))
    except (OSError, ValueError) as error:
        raise CommandError(f"{LIFECYCLE} cannot be used: {error}; restore it.") from error
    return kept


def queues_of(eventgrid: Mapping[str, Json]) -> list[str]:
    """Name the queues that subscriptions deliver to; they must exist."""
    found = json.loads(json.dumps(eventgrid["eventSubscriptions"]))
    return [entry["properties"]["destination"]["properties"]["queueName"] for entry in found]


def _completions() -> dict[str, Json]:
    destination: dict[str, Json] = {
        "endpointType": "StorageQueue",
        "properties": {"queueName": COMPLETIONS},
    }
    properties: dict[str, Json] = {
        "destination": destination,
        "eventDeliverySchema": "CloudEventSchemaV1_0",
    }
    return {"topic": TOPIC, "name": COMPLETIONS, "properties": properties}
