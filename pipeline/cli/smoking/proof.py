"""Asks a deployment what the design could not find out without one: `fanfare smoke --prove`.

Answers are data. None is right or wrong here: they settle what docs/deploy.md calls untried.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from importlib.resources import files

from pipeline.cli.smoking import definitions
from pipeline.cli.smoking.made import Made, told
from pipeline.cli.smoking.report import Hindered
from pipeline.cli.smoking.steps import Smoke, output
from pipeline.cli.views import wording
from pipeline.domain.definitions.pool import Pool
from pipeline.domain.definitions.types import SMOKE
from pipeline.domain.runs import naming
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.texts.strict_json import NotJson, parse
from pipeline.domain.waiting.reports import TaskEnd
from pipeline.errors import FanfareError
from pipeline.ports.batch import JobSpec, TaskSpec, Upload

ONLY_IN_AZURE = "only in Azure"
_MIB = 1 << 20
_LARGE = {"count": 16, "bytes": 64 * _MIB}  # 1 GiB
_SMALL = {"count": 2, "bytes": _MIB}
_ACCESS, _LIMIT = timedelta(hours=2), timedelta(minutes=10)
_LINKS = "/bin/sh -c 'ln -s /etc/hostname o-link.txt; echo real >o-real.txt'"
_AGENT_LARGE = "sp=c, the agent uploads a file of 1 GiB"
_LINK = "the agent uploads a symbolic link that matches a pattern"
_SIGNED, _BY_IDENTITY = (
    f"the agent reads a snapshot by {way}" for way in ("a signed URL", "identityReference")
)


@dataclass(frozen=True)
class Answer:
    """A question and what was found."""

    question: str
    answer: str


@dataclass
class Proof:
    """What is asked of one pool, whose nodes run processes."""

    made: Made
    pool: Pool
    jobs: list[str] = field(default_factory=list)

    def answers(self) -> Iterator[Answer]:
        """Ask everything, and yield each answer; an error is one, too."""
        yield from self._of_node()
        yield self._asked(_LINK, self._link)
        yield self._asked(_AGENT_LARGE, self._large)
        yield self._asked(_BY_IDENTITY, self._by_identity)

    def end(self) -> None:
        """End the jobs that were made; the engine deletes them later, as its own."""
        for job in self.jobs:
            self.made.session.engine.ports.jobs.terminate(job)

    def _asked(self, question: str, ask: Callable[[], str]) -> Answer:
        self.made.tells(question)
        try:
            return Answer(question, wording.one_line(ask(), 2000))
        except FanfareError as error:
            return Answer(question, f"no answer: {wording.one_line(str(error))}")

    def _of_node(self) -> Iterator[Answer]:
        """Let a program ask its node; the program is the run's input."""
        try:
            run = self.made.start(
                definitions.asking(self.pool), self.made.upload("ask.pyz", self._program())
            )
            ended = self.made.ended(run).run
            if ended.state is not State.SUCCEEDED:
                raise Hindered(told(ended))
            found = _answers(output(self.made.session, ended, definitions.ANSWERS))
        except FanfareError as error:
            yield Answer("a program asks its node", f"no answer: {wording.one_line(str(error))}")
            return
        pinned = "a snapshot" if ended.input and ended.input.snapshot else "a copy, not a snapshot"
        yield Answer(_SIGNED, f"it did: the input of {run} was {pinned}")
        for question, answer in found.items():
            yield Answer(question, answer)

    def _program(self) -> bytes:
        """Pack the program that asks, with the signed URLs that it needs."""
        engine, signer = self.made.session.engine, self.made.session.engine.ports.signer
        until = engine.now + _ACCESS
        original = self.made.upload("pinned.txt", b"pinned")
        url = engine.ports.blobs.url(self._snapshot(original))
        small, large = (self._new(name) for name in ("small.bin", "large.bin"))
        orders = {
            "small": signer.creating(engine.ports.blobs.url(small), until),
            "large": {
                "url": signer.creating(engine.ports.blobs.url(large), until),
                **(_SMALL if engine.local else _LARGE),
            },
            "snapshot": signer.reading(url, until),
            "unsigned": url,
        }
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("__main__.py", files(__package__).joinpath("on_node.py").read_bytes())
            archive.writestr("orders.json", json.dumps(orders))
        return packed.getvalue()

    def _new(self, name: str) -> BlobRef:
        """Name a blob that somebody else creates, and that the removal deletes."""
        ref = naming.upload(self.made.session.engine.token(), name)
        self.made.blobs.append(ref)
        return ref

    def _snapshot(self, ref: BlobRef) -> BlobRef:
        engine = self.made.session.engine
        facts = engine.ports.blobs.head(ref)
        return engine.ports.writer.snapshot(ref, facts.etag if facts else "")

    def _large(self) -> str:
        if self.made.session.engine.local:
            return ONLY_IN_AZURE
        run = self.made.ended(self.made.start(definitions.large(self.pool))).run
        return told(run)

    def _link(self) -> str:
        engine, folder = self.made.session.engine, self._new("links").name
        end = self._task(_LINKS, [Upload(naming.OUTPUT_FILES, naming.WORK, folder)])
        found = [*engine.ports.blobs.list(naming.WORK, f"{folder}/")]
        self.made.blobs += [facts.ref for facts in found]
        sizes = {facts.ref.name.rpartition("/")[2]: facts.size for facts in found}
        return f"task: {_ended(end)}; uploaded: {_sizes(sizes)}"

    def _by_identity(self) -> str:
        """Let the agent fetch a snapshot as the identity of the nodes, by a task of its own."""
        session = self.made.session
        if session.engine.local:
            return ONLY_IN_AZURE
        original = self.made.upload("pinned.txt", b"pinned")
        url = session.engine.ports.blobs.url(self._snapshot(original))
        proving = import_module("pipeline.adapters.proving")  # it takes a second to import
        job = self._job()
        proving.submit_by_identity(session.settings(), job, self._spec("/bin/true", []), url)
        return _ended(self._end_of(job))

    def _task(self, command: str, uploads: list[Upload]) -> TaskEnd | None:
        job = self._job()
        self.made.session.engine.ports.jobs.add(job, [self._spec(command, uploads)])
        return self._end_of(job)

    def _job(self) -> str:
        engine = self.made.session.engine
        job = f"{SMOKE}-{engine.token()}"
        self.jobs.append(job)
        until = engine.now + _ACCESS
        pool = engine.pool_id_of(self.pool)
        engine.ports.jobs.create(JobSpec(job, pool, 0, _ACCESS, "", [], SMOKE, until))
        return job

    def _spec(self, command: str, uploads: list[Upload]) -> TaskSpec:
        until = self.made.session.engine.now + _ACCESS
        return TaskSpec("ask", command, [], uploads, {}, _LIMIT, until)

    def _end_of(self, job: str) -> TaskEnd | None:
        ends: list[TaskEnd] = []

        def over() -> bool:
            ends[:] = self.made.session.engine.ports.cluster.ends(job)
            return bool(ends)

        self.made.until(over, f"for the task of {job}")
        return ends[0] if ends else None


def proven(smoke: Smoke) -> Iterator[Answer]:
    """Ask the first pool that carried out a run as a process, and yield each answer."""
    pool = next((pool for pool, _ in smoke.worked if not pool.containers), None)
    if pool is None:
        yield Answer("all", "not asked: no pool without containers has carried out a run")
        return
    proof = Proof(smoke.made, pool)
    try:
        yield from proof.answers()
    finally:
        proof.end()


def _answers(content: bytes) -> Mapping[str, str]:
    """Read what a node wrote, which is a claim. Raises Hindered."""
    try:
        found = parse(content)
    except NotJson as error:
        raise Hindered(f"its answers are no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Hindered("its answers are no JSON object")
    return {
        wording.one_line(key, 100): wording.one_line(str(value), 2000)
        for key, value in found.items()
    }


def _ended(end: TaskEnd | None) -> str:
    if end is None:
        return "no end"
    code = f"{end.code}: {end.message}" if end.code else f"exit code {end.exit_code}"
    return wording.one_line(code)


def _sizes(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({size} B)" for name, size in sorted(sizes.items())) or "nothing"
