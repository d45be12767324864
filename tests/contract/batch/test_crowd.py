"""Forty instances of the app at once against one Batch account that throttles them."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from time import sleep
from types import SimpleNamespace

import pytest
import requests

from pipeline.adapters.batch import client as batch_client
from pipeline.adapters.batch.cluster import AzureCluster
from pipeline.adapters.batch.jobs import AzureJobs
from pipeline.adapters.batch.specs import Specs
from pipeline.adapters.identity import signatures
from pipeline.errors import Transient
from tests.contract.batch.stub import error, running_stub
from tests.contract.batch.worlds import job_spec, task_spec
from tests.emulators.storage.processes import KEY
from tests.patience import stretched

INSTANCES, PAGES, TASKS = 40, 20, 50
TRIES = 8  # of a message, of the 60 that the engine allows
RULES = [
    {
        "operation": "create_task_collection",
        "count": 100,  # more than two of the requests of each instance
        "status": 429,
        "code": "TooManyRequests",
        "retry_after_s": 1,
    },
    {
        "operation": "create_task_collection",
        "count": 10,
        "status": 500,
        "code": "InternalError",
        "when": "after",
    },
]


@pytest.fixture
def throttled(batch_service):
    """Let the account refuse the first additions of tasks, and then lose some answers."""
    own = {"x-batch-key": batch_service.settings.batch_key}
    url = f"{batch_service.settings.batch_endpoint}/_admin/faults"
    limit = stretched(10)
    requests.post(url, json=RULES, headers=own, timeout=limit).raise_for_status()
    yield batch_service
    left = requests.get(url, headers=own, timeout=limit).json()
    assert [rule["count"] for rule in left] == [0, 0]  # all of them struck
    requests.delete(url, headers=own, timeout=limit).raise_for_status()


class Instance:
    """An instance of the app, with a client of its own; a message is redelivered if it may pass."""

    def __init__(self, settings):
        self._client = batch_client.opened(settings)
        self._jobs = AzureJobs(self._client, Specs(signatures.connect(settings)))

    def submit(self, job, page):
        """Submit a page as its message asks; return how many deliveries it took."""
        tasks = [task_spec(f"t{page * TASKS + number:06d}") for number in range(TASKS)]
        for delivery in range(1, TRIES + 1):
            try:
                self._jobs.add(job, tasks)
            except Transient:
                sleep(0.25)  # the shortest delay of a message that is put back
            else:
                return delivery
        raise AssertionError(f"page {page} was not submitted by {TRIES} deliveries")


def test_forty_instances_that_are_throttled_submit_each_task_exactly_once(throttled, fresh):
    """Each page comes to two instances, as a redelivered message does."""
    throttled.ports.jobs.create(job_spec(fresh))
    instances = [Instance(throttled.settings) for _ in range(INSTANCES)]
    with ThreadPoolExecutor(INSTANCES) as pool:
        pages = [number % PAGES for number in range(INSTANCES)]
        deliveries = list(pool.map(lambda one, page: one.submit(fresh, page), instances, pages))
    listed = Counter(task.id for task in throttled.client.list_tasks(fresh, select=["id"]))
    assert listed == Counter(f"t{number:06d}" for number in range(PAGES * TASKS))
    assert max(deliveries) <= TRIES, json.dumps(deliveries)
    throttled.ports.jobs.terminate(fresh)


@pytest.fixture
def stub():
    with running_stub() as stub:
        yield stub


@pytest.fixture
def account(stub):
    key = {"batch_account": "fanfare", "batch_key": KEY, "client_id": ""}
    with batch_client.opened(SimpleNamespace(batch_endpoint=stub.endpoint, **key)) as client:
        yield client


def refused_for(seconds):
    return lambda *_request: (*error(429, "TooManyRequests"), {"Retry-After": seconds})


def test_an_invocation_does_not_sleep_for_as_long_as_a_throttled_account_may_say(stub, account):
    """The host ends a worker whose invocation takes ten minutes; a message can wait instead."""
    stub.answer = refused_for("3600")
    with pytest.raises(Transient, match="429 TooManyRequests"):
        AzureCluster(account).pool("p")
    assert len(stub.requests) == 1


def test_a_short_wait_that_the_service_asks_for_is_waited_for(stub, account):
    first, gone = refused_for("0.01"), error(404, "PoolNotFound")
    stub.answer = lambda *request: first(*request) if len(stub.requests) == 1 else gone
    assert AzureCluster(account).pool("p").state == ""
    assert len(stub.requests) == 2
