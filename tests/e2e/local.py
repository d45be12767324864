"""The real stack for tests: definitions that misbehave too, a subscriber, and kills."""

import json
import math
import os
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pipeline import bootstrap
from pipeline.adapters.provision import provision
from pipeline.cli.stack import config as local
from pipeline.cli.stack.config import Wishes
from pipeline.cli.stack.process import LocalStack, write_private
from pipeline.cli.target import render_env
from pipeline.domain.definitions.pool import local_body
from pipeline.domain.pools.formula import render_formula
from pipeline.domain.runs import naming
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.handlers.doors import timers
from pipeline.handlers.engine import Engine
from pipeline.handlers.starting import lost_events
from pipeline.handlers.starting.lost_events import event_of
from pipeline.handlers.starting.start import blob_key
from pipeline.ledger import runs
from pipeline.settings import Settings
from tests.patience import stretched, until

ROOT = Path(__file__).resolve().parents[2]
EXTRA = Path(__file__).parent / "extra"
# Short enough that a lost message is found within a test.
PATIENCE = {"STALE": 6, "RECEIPT": 3, "UPLOAD": 10, "LOST_EVENT": 5, "PUSH": 1}
TIMERS = {"FANFARE_TICK": "*/2 * * * * *", "FANFARE_LOST_EVENTS": "*/5 * * * * *"}
_POLLING = "AzureFunctionsJobHost__extensions__queues__maxPollingInterval"


class Stack:
    """A running local stack with its engine, seen from outside.

    With `polls_as_azure` nothing wakes a poll, and its interval is that of host.json. Without
    `hurries` clocks and patience are those of `fanfare up`, for measuring.
    """

    def __init__(
        self,
        folder: Path,
        profile: str = "awkward",
        seed: int = 7,
        extra_settings: Mapping[str, str] | None = None,
        batch_options: Sequence[str] = (),
        *,
        polls_as_azure: bool = False,
        hurries: bool = True,
    ) -> None:
        self.definitions = definitions_in(folder / "definitions")
        self.local = LocalStack(folder / "data")
        self._wishes = Wishes(profile, seed)
        self._extra_settings = dict(extra_settings or {})
        self._batch_options = batch_options
        self._maps_users = "map" in batch_options
        self._polls_as_azure, self._hurries = polls_as_azure, hurries
        self._received: dict[str, dict[str, object]] = {}

    def config(self) -> dict[str, local.Json]:
        """Describe the stack: the app of this repository, with the definitions of the tests."""
        config = local.stack_config(self.local.keys(), ROOT, ROOT, self._wishes)
        settings = config["settings"]
        assert isinstance(settings, dict)
        settings |= {"FANFARE_DEFINITIONS": str(self.definitions)}
        if self._hurries:
            settings |= {f"FANFARE_PATIENCE_{name}_S": str(s) for name, s in PATIENCE.items()}
            settings |= TIMERS
            config["clock_scale"] = 60  # ten minutes of hidden messages pass in ten seconds
            config["eventgrid_time_scale"] = 60
        if self._polls_as_azure:
            config["wake"] = False
            del settings[_POLLING]
        settings |= self._extra_settings
        config["options"]["batch"] += self._batch_options
        return config

    def start(self) -> None:
        """Start all services and create what the app needs; app.env comes last, as from `up`."""
        self.local.start(self.config(), ROOT)
        if self._maps_users:
            self.local.data.chmod(0o711)  # the way to the nodes; nobody can list it
        values = {k: v for k, v in self.local.app_settings().items() if k != "PATH"}
        self.settings = Settings.from_env(values, ROOT)
        self.engine: Engine = bootstrap.build(self.settings)
        pools = [
            local_body(pool, render_formula(pool, [], datetime.now(UTC)))
            for pool in self.engine.catalogue.pools.values()
        ]
        provision(self.settings, pools, local.queues_of(local.eventgrid_config(ROOT)))
        # Else the first tick does, and a blob of before it whose event is lost is never found.
        lost_events.activate(self.engine)
        timers.note(self.engine)
        write_private(self.local.env, render_env(values))

    def stop(self) -> None:
        """Stop all services, if they run."""
        if self.local.running():
            self.local.stop()

    def upload(
        self, name: str, content: bytes, pipeline: str, container: str = "input", **given: str
    ) -> str:
        """Upload a blob as a user would, with metadata; return the run that it must start."""
        ref = BlobRef(container, name)
        if given:
            self.engine.ports.writer.upload(ref, [content], metadata=given)
        else:
            self.engine.ports.writer.write(ref, content)
        return self.run_of(name, pipeline, container)

    def run_of(self, name: str, pipeline: str, container: str = "input") -> str:
        """Return the id of the run that a blob must start."""
        facts = self.engine.ports.blobs.head(BlobRef(container, name))
        assert facts is not None
        return naming.run_id(pipeline, blob_key(event_of(self.engine, facts)))

    def ended(self, run_id: str, limit_s: float = 150) -> Run:
        """Wait until a run has its verdict."""

        def over() -> Run | None:
            held = runs.load(self.engine.ports.tables, run_id)
            return held.run if held and held.run.over else None

        return until(over, limit_s, f"run {run_id} to end", lambda: self.tell(run_id))

    def announced(self, event_id: str, limit_s: float = 120) -> dict[str, object]:
        """Wait until the subscriber has received an event."""

        return until(lambda: self.completions().get(event_id), limit_s, f"event {event_id}")

    def completions(self) -> Mapping[str, dict[str, object]]:
        """Take what waits for the subscriber; return all that it has received, by id."""
        for message in self.engine.ports.queues.receive(local.COMPLETIONS, 32):
            event = json.loads(message.body)
            self._received[event["id"]] = event
            self.engine.ports.queues.delete(local.COMPLETIONS, message)
        return self._received

    def finished(self, run_id: str, limit_s: float = 150) -> tuple[Run, dict[str, object]]:
        """Wait for a run's verdict and for its event."""
        run = self.ended(run_id, limit_s)
        return run, self.announced(run.names.event(run.state))

    def succeeded(self, run_id: str, limit_s: float = 150) -> tuple[Run, dict[str, object]]:
        """Wait for a run's success and its event; a failed run's event says why the test fails."""
        run, event = self.finished(run_id, limit_s)
        assert run.state is State.SUCCEEDED, json.dumps(event, indent=1)
        return run, event

    def output(self, run: Run) -> dict[str, bytes]:
        """Read the files of a run's committed output, by name."""
        manifest = self.manifest(run)
        folder = run.names.output_folder
        names = [file["name"] for file in manifest["files"]]
        return {n: self.engine.ports.blobs.read(BlobRef("output", f"{folder}/{n}")) for n in names}

    def manifest(self, run: Run) -> dict[str, object]:
        """Read a run's manifest."""
        folder = run.names.output_folder
        return json.loads(
            self.engine.ports.blobs.read(BlobRef("output", f"{folder}/manifest.json"))
        )

    def pid(self, service: str) -> int:
        """Return the process id of a service."""
        pids = self.local.description()["pids"]
        assert isinstance(pids, dict)
        return int(str(pids[service]))

    def kill(self, service: str) -> None:
        """SIGKILL a service and wait until the stack has started it again."""
        before = self.pid(service)
        os.kill(before, signal.SIGKILL)
        until(lambda: self.pid(service) != before, 60, f"{service} to be started again")

    @contextmanager
    def frozen(self, service: str) -> Iterator[None]:
        """Suspend a service during a with block, so that its callers hang as well."""
        pid = self.pid(service)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def tell(self, run_id: str) -> str:
        """Describe a run for a test that stopped waiting for it."""
        held = runs.load(self.engine.ports.tables, run_id)
        return held.run.model_dump_json(exclude={"definition"}, indent=1) if held else "no such run"


def definitions_in(folder: Path) -> Path:
    for part in ("pipelines", "pools", "task_scripts"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        if (EXTRA / part).exists():
            shutil.copytree(EXTRA / part, folder / part, dirs_exist_ok=True)
    # An item that hangs is stopped soon, and no other one on a busy machine.
    acts = folder / "pipelines/acts.yaml"
    soon = f"item: {math.ceil(stretched(2))}s"
    acts.write_text(acts.read_text("utf-8").replace("item: 2s", soon), "utf-8")
    # The same work in other bundles: the answer must not depend on it.
    pricing = (folder / "pipelines/option-pricing.yaml").read_text("utf-8")
    bundled = "bundle: {items: 5}"
    assert bundled in pricing
    wide = pricing.replace(bundled, "bundle: {items: 1}")
    (folder / "pipelines/option-pricing-wide.yaml").write_text(wide, "utf-8")
    return folder


def running(folder: Path, seed: int) -> Iterator[Stack]:
    """Run an awkward stack for as long as a fixture lives."""
    stack = Stack(folder, "awkward", seed)
    stack.start()
    yield stack
    stack.stop()
