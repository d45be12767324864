"""What the doctor reads from the services, over the emulators."""

from pipeline.adapters import survey
from pipeline.domain.health.quotas import Machines
from tests.contract.batch.worlds import BUSY, IDLE


def test_every_pool_has_its_size_and_its_nodes(batch_service):
    batch_service.wait_until_steady(BUSY)
    assert set(survey.connect(batch_service.settings).pools()) == {
        Machines(IDLE, "standard_d2s_v3", 0, 0),
        Machines(BUSY, "standard_d2s_v3", 1, 0),
    }
