"""Creates for the local stack what `infra/` deploys in Azure: containers, queues, tables, pools.
Also mends its pools.

Every step accepts what exists already, so it may run twice.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from azure.batch import BatchClient
from azure.batch.models import (
    BatchNodeRemoveOptions,
    BatchPoolCreateOptions,
    BatchPoolEnableAutoScaleOptions,
)
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from pipeline.adapters.batch import client as batch_client
from pipeline.adapters.identity.credentials import storage_account
from pipeline.adapters.translate import translated
from pipeline.adapters.transport import transport_to
from pipeline.domain.runs.messages import Queue
from pipeline.domain.runs.naming import CONTAINERS
from pipeline.ledger.layout import TABLES
from pipeline.settings import Settings

_AT_ONCE = 4
_BROKEN = "state eq 'unusable' or state eq 'starttaskfailed'"
_POLL_S = 1

type Step = tuple[str, Callable[[], object]]


def provision(
    settings: Settings, pool_bodies: Sequence[Mapping[str, object]], queues: Iterable[str] = ()
) -> list[str]:
    """Create everything that is missing, and return its names.

    `queues` are needed besides the engine's own.
    """
    own = [name for queue in Queue for name in (str(queue), queue.poison)]
    steps = [
        *_storage_steps(settings, dict.fromkeys([*own, *queues])),
        *_pool_steps(settings, pool_bodies),
    ]
    with ThreadPoolExecutor(_AT_ONCE) as pool, translated("create what the app needs"):
        made = list(pool.map(_unless_there, steps))
    return [name for (name, _), new in zip(steps, made, strict=True) if new]


def create_queue(settings: Settings, name: str) -> None:
    """Create a queue of a subscriber, unless it is there. Raises Transient."""
    with translated(f"create the queue {name}"):
        _unless_there((name, partial(_queues(settings).create_queue, name)))


def delete_queue(settings: Settings, name: str) -> None:
    """Delete a queue with its messages; a missing one is fine. Raises Transient."""
    with translated(f"delete the queue {name}"), suppress(ResourceNotFoundError):
        _queues(settings).delete_queue(name)


def _queues(settings: Settings) -> QueueServiceClient:
    account = storage_account(settings)
    credential = account.credential(settings)
    return QueueServiceClient(account.queue, credential, transport=transport_to(account.queue))


def mend_pools(settings: Settings, pool_bodies: Sequence[Mapping[str, object]]) -> list[str]:
    """Remove broken nodes, and give its formula to each pool without one that works.

    Returns what it did. The pools must exist. Raises Transient.
    """
    client = batch_client.connect(settings)
    with batch_client.batch("mend the pools"):
        return [done for body in pool_bodies for done in _mended(client, body)]


def _mended(client: BatchClient, body: Mapping[str, object]) -> Iterator[str]:
    pool_id, formula = str(body["id"]), str(body["autoScaleFormula"])
    broken = [str(node.id) for node in client.list_nodes(pool_id, filter=_BROKEN)]
    if broken:
        removal = BatchNodeRemoveOptions(node_ids=broken)
        client.begin_remove_nodes(pool_id, removal, polling_interval=_POLL_S).result()
        yield f"removed {len(broken)} broken nodes of pool {pool_id}"
    found = client.get_pool(pool_id)
    run = found.auto_scale_run
    if not found.enable_auto_scale or (run and run.error):
        options = BatchPoolEnableAutoScaleOptions(auto_scale_formula=formula)
        client.enable_pool_auto_scale(pool_id, options)
        yield f"gave pool {pool_id} its formula"


def _unless_there(step: Step) -> bool:
    try:
        step[1]()
    except ResourceExistsError:
        return False  # it was created before
    return True


def _storage_steps(settings: Settings, queues: Iterable[str]) -> list[Step]:
    account = storage_account(settings)
    credential = account.credential(settings)
    blob = BlobServiceClient(account.blob, credential, transport=transport_to(account.blob))
    queue = _queues(settings)
    table = TableServiceClient(
        account.table, credential=credential, transport=transport_to(account.table)
    )
    return [
        *((f"table {name}", partial(table.create_table, name)) for name in TABLES),
        *((f"queue {name}", partial(queue.create_queue, name)) for name in queues),
        *((f"container {name}", partial(blob.create_container, name)) for name in CONTAINERS),
    ]


def _pool_steps(settings: Settings, bodies: Sequence[Mapping[str, object]]) -> list[Step]:
    client = batch_client.connect(settings)
    return [
        (f"pool {body['id']}", partial(client.create_pool, BatchPoolCreateOptions(dict(body))))
        for body in bodies
    ]
