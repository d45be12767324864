"""Reads that only `fanfare doctor` needs: names, queue lengths, the service's clock, jobs."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import requests
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from pipeline.adapters.batch import client as batch_client
from pipeline.adapters.identity.credentials import storage_account
from pipeline.adapters.translate import translated
from pipeline.adapters.transport import transport_to
from pipeline.domain.definitions.pool import MADE_FROM
from pipeline.domain.health.findings import QueueReading
from pipeline.domain.health.quotas import Machines
from pipeline.errors import Transient
from pipeline.settings import Settings

_TIMEOUT_S = 10
_NODES = ["currentDedicatedNodes", "currentLowPriorityNodes", "enableAutoScale"]
_MACHINES = ["id", "vmSize", "metadata", *_NODES]


class Survey:
    """Reads the services of a deployment, and changes nothing that lasts."""

    def __init__(self, settings: Settings) -> None:
        account = storage_account(settings)
        credential = account.credential(settings)
        # One call each: the doctor reports the present state, and does not wait for a better one.
        self._blob = BlobServiceClient(
            account.blob, credential, transport=transport_to(account.blob), retry_total=0
        )
        self._queue = QueueServiceClient(
            account.queue, credential, transport=transport_to(account.queue), retry_total=0
        )
        self._table = TableServiceClient(
            account.table,
            credential=credential,
            transport=transport_to(account.table),
            retry_total=0,
        )
        self._settings = settings

    def containers(self) -> set[str]:
        """Name the containers that exist."""
        with translated("list containers"):
            return {str(found.name) for found in self._blob.list_containers()}

    def queues(self) -> set[str]:
        """Name the queues that exist."""
        with translated("list queues"):
            return {str(found.name) for found in self._queue.list_queues()}

    def tables(self) -> set[str]:
        """Name the tables that exist."""
        with translated("list tables"):
            return {str(found.name) for found in self._table.list_tables()}

    def queue(self, name: str) -> QueueReading:
        """Read the length of a queue and the age of its first visible message; receive none."""
        client = self._queue.get_queue_client(name)
        with translated(f"look at the queue {name}"):
            count = client.get_queue_properties().approximate_message_count or 0
            first = next(iter(client.peek_messages(1)), None)
        since = first.inserted_on if first else None
        return QueueReading(name, count, datetime.now(UTC) - since if since else None)

    def send_and_take_back(self, queue: str) -> None:
        """Send a hidden message and delete it, to test the caller's role."""
        client = self._queue.get_queue_client(queue)
        with translated(f"send to {queue}"):
            sent = client.send_message("ZG9jdG9y", visibility_timeout=59, time_to_live=60)
            client.delete_message(sent)

    def skew(self) -> timedelta:
        """Return how far this machine's clock is ahead of Storage's."""
        dates: list[str] = []

        def note(response: object) -> None:
            dates.append(response.http_response.headers.get("Date", ""))  # type: ignore[attr-defined] # untyped in the SDK

        with translated("ask Storage for the time"):
            next(iter(self._blob.list_containers(results_per_page=1, raw_response_hook=note)), None)
        if not dates or not dates[0]:
            raise Transient("Storage did not report its time.")
        return datetime.now(UTC) - parsedate_to_datetime(dates[0])

    def active_jobs(self) -> int:
        """Count the active jobs and schedules."""
        client = batch_client.connect(self._settings)
        with batch_client.batch("list active jobs"):
            jobs = client.list_jobs(filter="state eq 'active'", select=["id"])
            return _count(jobs) + _count(client.list_job_schedules(select=["id"]))

    def pools(self) -> list[Machines]:
        """Read the size and the number of nodes of each pool in the account."""
        client = batch_client.connect(self._settings)
        with batch_client.batch("list pools"):
            return [
                Machines(
                    str(pool.id),
                    str(pool.vm_size),
                    pool.current_dedicated_nodes or 0,
                    pool.current_low_priority_nodes or 0,
                    next((one.value for one in pool.metadata or () if one.name == MADE_FROM), ""),
                    bool(pool.enable_auto_scale),
                )
                for pool in client.list_pools(select=_MACHINES)
            ]

    def answers(self, url: str) -> int:
        """Request a URL and return the status, whatever it is. Raises Transient if none comes."""
        try:
            with requests.Session() as session:
                session.trust_env = not url.startswith("http://")
                reply = session.get(url, timeout=_TIMEOUT_S, allow_redirects=False)
                return reply.status_code
        except requests.RequestException as error:
            raise Transient(f"no answer ({type(error).__name__})") from error


def connect(settings: Settings) -> Survey:
    """Connect to the services that the settings name."""
    return Survey(settings)


def _count(found: Iterable[object]) -> int:
    return sum(1 for _ in found)
