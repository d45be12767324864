"""A node of folders and processes: fetches a task's files, runs the real runner, uploads.

`FakeNode` imitates the task contract; here `task_scripts/runtime/runner.py` itself carries it out.
"""

import os
import shlex
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from emulators.batch.service.machines.node_image import NodeImage
from pipeline.domain.runs.naming import BlobRef
from pipeline.ports.batch import InputFile, TaskSpec
from tests.fakes.batch import FakeJob, Outcome
from tests.fakes.world import FakeWorld


@dataclass
class RunnerNode:
    """Executes task specs of a fake world below a folder; each job is prepared once."""

    world: FakeWorld
    root: Path
    _prepared: dict[str, Path] = field(default_factory=dict)

    def __call__(self, spec: TaskSpec) -> Outcome:
        """Run one task as Batch would. Raises CalledProcessError if preparation fails."""
        job = next(job for job in self.world.batch.jobs.values() if _holds(job, spec))
        folder = self.root / job.spec.id / spec.id / "wd"
        self._fetch(spec.inputs, folder)
        places = {"AZ_BATCH_JOB_PREP_WORKING_DIR": str(self._preparation(job))}
        ended = self._run(spec.command, folder, {**places, **spec.environment})
        for path in folder.iterdir():
            for upload in spec.uploads:
                if path.is_file() and fnmatch(path.name, upload.pattern):
                    ref = BlobRef(upload.container, f"{upload.folder}/{path.name}")
                    self.world.blobs.write(ref, path.read_bytes())
        return Outcome(ended.returncode)

    def _preparation(self, job: FakeJob) -> Path:
        folder = self.root / job.spec.id / "jobpreparation" / "wd"
        if job.spec.id not in self._prepared:
            self._fetch(job.spec.preparation_inputs, folder)
            self._run(job.spec.preparation, folder, {}).check_returncode()
            self._prepared[job.spec.id] = folder
        return folder

    def _fetch(self, files: Iterable[InputFile], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            target = folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.world.blobs.read(self.world.blobs.at(file.url)))

    def _image(self) -> NodeImage:
        """Return what programs find installed, as on the local stack's nodes."""
        image = NodeImage(self.root)
        if not (self.root / "image").exists():
            image.make()
        return image

    def _run(
        self, command: str, folder: Path, environ: Mapping[str, str]
    ) -> "subprocess.CompletedProcess[bytes]":
        path = {"PATH": self._image().path}
        shared = {"AZ_BATCH_NODE_SHARED_DIR": str(self.root / "shared"), **path}
        return subprocess.run(
            shlex.split(command),
            cwd=folder,
            env={**shared, "HOME": os.fspath(folder), **environ},
            check=False,
        )


def _holds(job: FakeJob, spec: TaskSpec) -> bool:
    task = job.tasks.get(spec.id)
    return task is not None and task.spec is spec
