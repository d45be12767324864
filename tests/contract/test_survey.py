"""What the doctor reads from the services, over the emulators."""

from dataclasses import replace
from typing import cast

from azure.batch.models import BatchPoolCreateOptions

from pipeline.adapters import survey
from pipeline.domain.definitions.pool import physical_id, pool_body
from pipeline.domain.health.quotas import Machines
from tests.contract.batch.worlds import BUSY, IDLE
from tests.unit.domain.definitions.test_pool import pool


def test_every_pool_has_its_size_and_its_nodes(batch_service):
    batch_service.wait_until_steady(BUSY)
    found = survey.connect(batch_service.settings).pools()
    # Another test may have given the idle pool a formula.
    assert {replace(one, autoscales=False) for one in found} == {
        Machines(IDLE, "standard_d2s_v3", 0, 0, autoscales=False),
        Machines(BUSY, "standard_d2s_v3", 1, 0, autoscales=False),
    }


def test_a_pool_that_a_deployment_made_names_its_file_and_autoscales(batch_service):
    made = pool(name="made")
    body = cast(BatchPoolCreateOptions, pool_body(made, "$TargetDedicatedNodes = 0;"))
    batch_service.client.create_pool(body)
    known = {one.pool: one for one in survey.connect(batch_service.settings).pools()}
    batch_service.remove_other_pools()
    assert known.pop(physical_id(made)) == Machines(
        physical_id(made), made.size.lower(), 0, 0, "made"
    )
    assert {one.made_from for one in known.values()} == {""}
