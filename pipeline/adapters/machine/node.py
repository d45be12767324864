"""A node of folders and processes: prepares itself for a job, runs tasks, and takes their files.

It gives programs what a node of Batch gives them: folders, AZ_BATCH_* variables, the resource files
in place, and of this machine no more than a node's image has. It is no security boundary: programs
have this user's rights.
"""

import os
import shlex
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from threading import Lock

from pipeline.adapters.machine import containers
from pipeline.adapters.machine.batch import Outcome
from pipeline.adapters.machine.blobs import FolderBlobs
from pipeline.adapters.machine.processes import Processes
from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Permanent
from pipeline.ports.batch import InputFile, JobSpec, TaskSpec, Upload

SYSTEM = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MODE = 0o700  # as Batch gives it to the files that it brings
_WORDS = 4096
_PREPARATION_S = 1800.0
_TASK_ENDED = "TaskEnded"

type MakeImage = Callable[[Path], None]


class Unprepared(Permanent):
    """The node cannot be prepared: the environment of the program cannot be made."""


@dataclass
class Node:
    """The only node; `cache` keeps what outlives it: its image, and the environments.

    `machine` is this machine's environment, of which only a container engine sees anything.
    """

    root: Path
    cache: Path
    blobs: FolderBlobs
    make_image: MakeImage
    machine: Mapping[str, str]
    _prepared: dict[str, Path] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _processes: Processes = field(default_factory=Processes)

    def execute(self, job: JobSpec, spec: TaskSpec) -> Outcome:
        """Run a task of a job to its end, and take its files. Raises Unprepared, ImageRefused."""
        prepared = self.prepare(job) if job.preparation else None
        folder = self.folder(job.id, spec.id)
        self._bring(spec.inputs, folder / "wd")
        variables = {**self._variables(job, spec.id, prepared), **spec.environment}
        variables |= _places(folder)
        argv, environ = shlex.split(spec.command), variables
        if spec.container:
            places = {"Task": folder, "JobPrep": prepared or folder, "Shared": self._shared}
            nodes_own = {"PATH", "HOME"} - spec.environment.keys()
            inside = {k: v for k, v in variables.items() if k not in nodes_own}
            inside |= {k: spec.environment[k] for k in spec.environment.keys() & {"PATH", "HOME"}}
            wanted = containers.Wanted(spec, spec.container, inside, places, self.machine)
            argv, environ = wanted.command(), wanted.environ
        outcome = self._outcome(argv, folder, environ, spec.limit.total_seconds())
        self._take(spec.uploads, folder / "wd", outcome)
        return outcome

    def prepare(self, job: JobSpec) -> Path:
        """Run the preparation of a job once; return its folder. Raises Unprepared."""
        with self._lock:
            if job.id not in self._prepared:
                folder = self.folder(job.id, "jobpreparation")
                self._bring(job.preparation_inputs, folder / "wd")
                variables = {**self._variables(job, "jobpreparation", folder), **_places(folder)}
                argv = shlex.split(job.preparation)
                ended = self._outcome(argv, folder, variables, _PREPARATION_S)
                if not ended.succeeded:
                    raise Unprepared(last_words(folder) or ended.message)
                self._prepared[job.id] = folder
            return self._prepared[job.id]

    def stop(self) -> None:
        """End what runs; nothing starts afterwards."""
        self._processes.stop()

    def folder(self, job: str, task: str) -> Path:
        """Return the directory of a task, which holds its streams and `wd`."""
        return self.root / "workitems" / job / "job-1" / task

    @property
    def _shared(self) -> Path:
        return self.cache / "shared"

    def _outcome(
        self, argv: list[str], folder: Path, environ: Mapping[str, str], limit_s: float
    ) -> Outcome:
        try:
            code = self._processes.run(argv, folder, environ, limit_s)
        except OSError as error:
            words = f"{argv[0]}: {error.strerror or error}"
            return Outcome(None, "CommandProgramNotFound", "usererror", words)
        if code is None:
            return Outcome(None, _TASK_ENDED, "usererror", f"It took longer than {limit_s:g} s.")
        if code:
            words = "The task exited with an exit code representing a failure"
            return Outcome(code, "FailureExitCode", "usererror", words)
        return Outcome()

    def _bring(self, files: Iterable[InputFile], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            target = folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.blobs.file(self.blobs.at(file.url)), target)
            target.chmod(_MODE)

    def _variables(self, job: JobSpec, task: str, prepared: Path | None) -> dict[str, str]:
        self._shared.mkdir(parents=True, exist_ok=True)
        variables = {
            "PATH": f"{self._image() / 'bin'}:{SYSTEM}",
            "AZ_BATCH_ACCOUNT_NAME": "fanfare",
            "AZ_BATCH_POOL_ID": job.pool,
            "AZ_BATCH_NODE_ID": "tvm-this-machine",
            "AZ_BATCH_NODE_IS_DEDICATED": "true",
            "AZ_BATCH_NODE_ROOT_DIR": str(self.root),
            "AZ_BATCH_NODE_SHARED_DIR": str(self._shared),
            "AZ_BATCH_JOB_ID": job.id,
            "AZ_BATCH_TASK_ID": task,
        }
        if prepared:
            variables["AZ_BATCH_JOB_PREP_DIR"] = str(prepared)
            variables["AZ_BATCH_JOB_PREP_WORKING_DIR"] = str(prepared / "wd")
        return variables

    def _image(self) -> Path:
        image = self.cache / "image"
        if not (image / "machine.json").exists():
            with tempfile.TemporaryDirectory(prefix="image-", dir=self.cache) as fresh:
                self.make_image(Path(fresh))
                with suppress(OSError):  # another command was faster
                    Path(fresh, "image").rename(image)
        return image

    def _take(self, uploads: Iterable[Upload], wd: Path, outcome: Outcome) -> None:
        for upload in uploads:
            wanted = {"tasksuccess": outcome.succeeded, "taskfailure": not outcome.succeeded}
            if not wanted.get(upload.condition, True):
                continue
            for path, name in sorted(_matching(wd, upload.pattern)):
                whole = upload.folder if not _is_wild(upload.pattern) else ""
                blob = whole or f"{upload.folder}/{name}"
                self.blobs.take_over(BlobRef(upload.container, blob), path)


def _places(folder: Path) -> dict[str, str]:
    wd = str(folder / "wd")
    return {"AZ_BATCH_TASK_DIR": str(folder), "AZ_BATCH_TASK_WORKING_DIR": wd, "HOME": wd}


def last_words(folder: Path) -> str:
    """Return what a task printed last: errors first, else its output."""
    for name in ("stderr.txt", "stdout.txt"):
        try:
            with (folder / name).open("rb") as file:
                file.seek(max(os.fstat(file.fileno()).st_size - _WORDS, 0))
                said = file.read(_WORDS).decode(errors="replace").strip()
        except OSError:
            continue
        if said:
            return said
    return ""


def _is_wild(pattern: str) -> bool:
    return not {"*", "?", "["}.isdisjoint(pattern)


def _matching(wd: Path, pattern: str) -> Iterator[tuple[Path, str]]:
    """Yield regular files with their names below the fixed folder; no link is followed.

    As Batch's wildcards do, it leaves out hidden files.
    """
    parts = PurePosixPath(pattern).parts
    fixed = next((n for n, part in enumerate(parts) if _is_wild(part)), len(parts) - 1)
    base = wd.joinpath(*parts[:fixed])
    rest = "/".join(parts[fixed:])
    if base.is_symlink() or not base.is_dir():
        return
    for path in base.glob(rest, recurse_symlinks=False):
        below = path.relative_to(base)
        hidden = _is_wild(rest) and any(part.startswith(".") for part in below.parts)
        if not hidden and stat.S_ISREG(path.lstat().st_mode):
            yield path, below.as_posix()
