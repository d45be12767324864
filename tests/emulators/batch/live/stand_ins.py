"""What Microsoft's live tests import besides the client: here an account is an emulator.

Their own preparers make accounts, pools and jobs through the resource manager of Azure, and their
recorder sits between client and service. Neither exists here, so these stand in for both.
"""

import functools
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azure.batch import BatchClient, models
from azure.core.credentials import AzureNamedKeyCredential

from tests.emulators.batch.running import ACCOUNT, KEY, Emulator
from tests.patience import until

type Test = Callable[..., Coroutine[Any, Any, None]]

VM_SIZE = "standard_d2_v2"
# The tests ask for a pool in a subnet of somebody else.
_FLAGS = (
    "--joinable-subnet=/subscriptions/1/resourceGroups/own/providers/Microsoft.Network"
    "/virtualNetworks/own/subnets/own",
)
# They stop a resize, which in Azure takes minutes.
_SLOW_RESIZE = {"operation": "allocation", "match": "scalepool/", "delay_s": 3, "nodes": 2}
_UBUNTU = models.VirtualMachineConfiguration(
    image_reference=models.BatchVmImageReference(
        publisher="Canonical", offer="0001-com-ubuntu-server-jammy", sku="22_04-lts"
    ),
    node_agent_sku_id="batch.node.ubuntu 22.04",
)
_WINDOWS = models.VirtualMachineConfiguration(
    image_reference=models.BatchVmImageReference(
        publisher="MicrosoftWindowsServer",
        offer="WindowsServer",
        sku="2016-Datacenter-smalldisk",
    ),
    node_agent_sku_id="batch.node.windows amd64",
)
_MACHINES: Mapping[str, models.VirtualMachineConfiguration] = {
    "Linux": _UBUNTU,
    "Windows": _WINDOWS,
}
_ENDPOINT = models.BatchInboundNatPool(
    name="ruleName",
    protocol="tcp",
    backend_port=3389,
    frontend_port_range_start=15000,
    frontend_port_range_end=15100,
)


@dataclass(frozen=True)
class Account:
    """An account as the tests know one."""

    name: str
    account_endpoint: str


@dataclass(frozen=True)
class Named:
    """A pool or job as the tests know one."""

    name: str

    @property
    def id(self) -> str:
        return self.name


class Preparer:
    """Makes something before a test, and hands it over by name."""

    def __call__(self, test: Test) -> Test:
        @functools.wraps(test)
        async def prepared(case: object, **given: Any) -> None:
            with self.made(given) as more:
                await test(case, **{**given, **more})

        return prepared

    @contextmanager
    def made(self, given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        yield {}


class ResourceGroupPreparer(Preparer):
    """Makes nothing: an emulator is in no group."""

    def __init__(self, **_: object) -> None: ...


class AccountPreparer(Preparer):
    """Makes an account: an emulator with an empty folder."""

    def __init__(self, **_: object) -> None: ...

    @contextmanager
    def made(self, given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        with tempfile.TemporaryDirectory() as folder:
            emulator = Emulator(Path(folder), *_FLAGS)
            emulator.admin("POST", "/_admin/faults", _SLOW_RESIZE)
            try:
                yield {
                    "batch_account": Account(ACCOUNT, emulator.endpoint),
                    "credential": AzureNamedKeyCredential(ACCOUNT, KEY),
                }
            finally:
                assert emulator.stop() == 0


class EnvironmentPreparer(Preparer):
    """Hands over what tests read from variables of Microsoft's environment."""

    def __init__(self, _folder: str, **variables: str) -> None:
        self._variables = variables

    @contextmanager
    def made(self, given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        yield dict(self._variables)


class PoolPreparer(Preparer):
    """Makes a pool, and waits for its nodes."""

    def __init__(self, pool_name: str, size: int = 0, os: str = "Linux", **_: object) -> None:
        self._name, self._size, self._machine = pool_name, size, _MACHINES[os]

    @contextmanager
    def made(self, given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        account: Account = given["batch_account"]
        user = models.UserAccount(
            name="task-user", password="secret", elevation_level=models.ElevationLevel.ADMIN
        )
        endpoints = models.BatchPoolEndpointConfiguration(inbound_nat_pools=[_ENDPOINT])
        with BatchClient(account.account_endpoint, given["credential"]) as client:
            client.create_pool(
                models.BatchPoolCreateOptions(
                    id=self._name,
                    display_name="test_pool",
                    vm_size=VM_SIZE,
                    user_accounts=[user],
                    virtual_machine_configuration=self._machine,
                    target_dedicated_nodes=self._size,
                    network_configuration=models.NetworkConfiguration(
                        endpoint_configuration=endpoints
                    ),
                )
            )
            until(lambda: self._idle(client))
        yield {"batch_pool": Named(self._name)}

    def _idle(self, client: BatchClient) -> bool:
        steady = client.get_pool(self._name).allocation_state == "steady"
        return steady and all(node.state == "idle" for node in client.list_nodes(self._name))


class JobPreparer(Preparer):
    """Makes a job, in the pool of the test or in an automatic one."""

    def __init__(self, **settings: Any) -> None:
        self._settings = settings

    @contextmanager
    def made(self, given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        account: Account = given["batch_account"]
        name = "batchjob"
        with BatchClient(account.account_endpoint, given["credential"]) as client:
            client.create_job(
                models.BatchJobCreateOptions(id=name, pool_info=_pool(given), **self._settings)
            )
        yield {"batch_job": Named(name)}


def _pool(given: Mapping[str, Any]) -> models.BatchPoolInfo:
    if "batch_pool" in given:
        return models.BatchPoolInfo(pool_id=given["batch_pool"].name)
    pool = models.BatchPoolSpecification(vm_size=VM_SIZE, virtual_machine_configuration=_UBUNTU)
    return models.BatchPoolInfo(
        auto_pool_specification=models.BatchAutoPoolSpecification(
            pool_lifetime_option=models.BatchPoolLifetimeOption.JOB, pool=pool
        )
    )


class LiveTestCase:
    """The base of the tests, which run against a service and no recording."""

    is_live = True


def client_setup(test: Test) -> Test:
    """Hand a client of the class that a test is parametrized with to the test."""

    async def with_client(case: object, BatchClient: Any, **given: Any) -> None:
        endpoint = given["batch_account"].account_endpoint
        client = BatchClient(endpoint=endpoint, credential=given["credential"])
        try:
            await test(case, client, **given)
        finally:
            closing = client.close()
            if closing is not None:
                await closing

    return with_client


def recorded(test: Test) -> Test:
    """Leave a test as it is: nothing is recorded."""
    return test


def set_matcher(**_: object) -> None:
    """Do nothing: no request is compared with a recorded one."""
