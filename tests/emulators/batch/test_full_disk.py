"""A disk that is full for a while costs answers but no state."""

import resource
from pathlib import Path

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError

from tests.emulators.batch.running import Emulator


def test_what_could_not_be_saved_is_saved_when_there_is_room_again(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path)
    emulator.add_pool("p", nodes=0)
    emulator.add_job("j", "p")
    log = tmp_path / "batch.sqlite-wal"
    _, hard = resource.prlimit(emulator.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(emulator.process.pid, resource.RLIMIT_FSIZE, (log.stat().st_size, hard))
    note = [models.BatchMetadataItem(name="n", value="x" * 20_000)]
    with pytest.raises(HttpResponseError) as refused:
        for number in range(3):
            info = models.BatchPoolInfo(pool_id="p")
            job = models.BatchJobCreateOptions(id=f"full-{number}", pool_info=info, metadata=note)
            emulator.client.create_job(job, retry_total=0)
    assert refused.value.status_code == 503
    assert "cannot be saved" in refused.value.message
    resource.prlimit(emulator.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    emulator.add_job("after", "p")
    before = [job.id for job in emulator.client.list_jobs()]
    assert any(job_id.startswith("full-") for job_id in before)
    emulator.process.kill()
    emulator.stop()
    emulator.start()
    assert [job.id for job in emulator.client.list_jobs()] == before
    emulator.stop()
