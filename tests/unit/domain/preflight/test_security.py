"""What Batch tells of a size decides whether its nodes can be secured as a pool's file says."""

from datetime import date

import pytest

from pipeline.domain.definitions.nodes.security import DiskTarget, Security
from pipeline.domain.preflight.findings import Intent, State
from pipeline.domain.preflight.security import security
from tests.unit.domain.definitions.test_pool import pool

LAUNCH = Security(trusted_launch=True)
AT_HOST = Security(encryption_at_host=True)
DISKS = Security(disk_encryption=(DiskTarget.TEMPORARY,))
BOTH = Security(trusted_launch=True, disk_encryption=(DiskTarget.TEMPORARY,))


def found(asked, told, size="Standard_D2s_v5"):
    listed = [
        {"name": size, "capabilities": [{"name": n, "value": v} for n, v in told.items()]},
        {"name": "Standard_D4s_v5", "capabilities": []},
    ]
    pools = (pool(security=asked, size=size),)
    return security(Intent("s", "demo", "westeurope", pools=pools, today=date(2026, 12, 1)), listed)


HOST, NO_HOST = (
    {"EncryptionAtHostSupported": "True"},
    {"EncryptionAtHostSupported": "False"},
)
TWO, ONE = {"HyperVGenerations": "V1,V2"}, {"HyperVGenerations": "V1"}


@pytest.mark.parametrize(
    ("asked", "told", "state", "said"),
    [
        (LAUNCH, TWO, State.OK, "can be secured"),
        (LAUNCH, TWO | {"TrustedLaunchDisabled": "False"}, State.OK, "can be secured"),
        (LAUNCH, TWO | {"TrustedLaunchDisabled": "True"}, State.REFUSES, "no trusted launch"),
        (LAUNCH, ONE, State.REFUSES, "no trusted launch"),
        (LAUNCH, {}, State.UNKNOWN, "does not tell"),
        (AT_HOST, HOST, State.OK, "can be secured"),
        (AT_HOST, NO_HOST, State.REFUSES, "no encryption at host"),
        (AT_HOST, {}, State.UNKNOWN, "does not tell"),
        (DISKS, HOST, State.OK, "can be secured"),
        (DISKS, NO_HOST, State.WARNS, "ends on 2028-09-15"),
        (BOTH, ONE, State.REFUSES, "no trusted launch; Batch does not tell"),
        (BOTH, NO_HOST, State.WARNS, "ends on 2028-09-15; Batch does not tell"),
    ],
)
def test_the_worst_of_what_a_size_lacks_decides(asked, told, state, said):
    (one,) = found(asked, told)
    assert (one.name, one.state, said in one.evidence) == ("security of pool cpu", state, True)
    assert bool(one.fix) is (state is not State.OK)


def test_a_recent_size_without_encryption_at_host_has_nothing_that_encrypts_its_disk():
    (one,) = found(DISKS, NO_HOST, size="Standard_X2_v6")
    assert one.state is State.REFUSES


def test_pools_that_ask_for_nothing_and_sizes_that_are_not_offered_are_no_finding():
    assert found(Security(), NO_HOST | ONE) == []
    assert security(Intent(pools=(pool(security=LAUNCH),)), []) == []
