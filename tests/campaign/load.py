"""Constant load: a thread that keeps some inputs under way, whatever the services do."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from pipeline import bootstrap
from pipeline.domain.runs import naming
from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Conflict, Transient
from pipeline.handlers.starting.lost_events import event_of
from pipeline.handlers.starting.start import blob_key
from pipeline.ledger import runs
from tests.campaign.work import Work
from tests.e2e.http_client import call
from tests.e2e.local import Stack

UNDER_WAY = 4
_PAUSE_S = 0.2
_STARTED = (200, 202)


class Load:
    """Starts work while a with block runs; all that it started is in `works`."""

    def __init__(self, stack: Stack, draw: random.Random) -> None:
        self._stack, self._draw = stack, draw
        self._engine = bootstrap.build(stack.settings)
        self._kinds = (self._upload, self._overwrite, self._stage, self._ask)
        self._enough = threading.Event()
        self._defect: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="load")
        self._under_way: list[Work] = []
        self.works: list[Work] = []
        self.inputs = 0

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    def check(self) -> None:
        """Raise what has stopped the load."""
        if self._defect is not None:
            raise self._defect

    def _run(self) -> None:
        try:
            while not self._enough.wait(_PAUSE_S):
                self._under_way = [work for work in self._under_way if not self._over(work)]
                if len(self._under_way) < UNDER_WAY:
                    self.inputs += 1
                    self._draw.choice(self._kinds)(self.inputs)
        except Exception as error:  # noqa: BLE001 - the test raises it
            self._defect = error

    def _over(self, work: Work) -> bool:
        held = self._surely(lambda: runs.load(self._engine.ports.tables, work.run))
        return held is not None and held.run.over

    def _upload(self, number: int) -> None:
        self._write(f"busy/{number}.txt", self._lines(number))

    def _overwrite(self, number: int) -> None:
        name = f"busy/{number}.txt"
        first = self._write(name, self._lines(number), overwritten=True)
        self._write(name, ("ok once more", *self._lines(number)), first)

    def _stage(self, number: int) -> None:
        words = [f"{number}-{word}" for word in ("red", "green", "blue")]
        ref = BlobRef("input", f"parted/{number}.txt")
        self._put(ref, " ".join(words).encode())
        self._note(ref, "parted", tuple(f"ok {word}" for word in words))

    def _ask(self, number: int) -> None:
        lines, ref = self._lines(number), BlobRef("input", f"asked/{number}.txt")
        self._put(ref, _text(lines))
        body = {"pipeline": "busy", "input": {"container": ref.container, "name": ref.name}}
        key = {"Idempotency-Key": f"campaign-{number}"}

        def answer() -> tuple[int, dict[str, object]]:
            return call(self._stack, "POST", "/api/runs", body, **key)

        for status, content in self._answers(answer):
            if status in _STARTED:
                self._add(Work(str(content["id"]), "busy", lines))
                return
            assert status >= 429, (status, content)

    def _write(
        self, name: str, lines: tuple[str, ...], over: str = "*", *, overwritten: bool = False
    ) -> str:
        ref = BlobRef("input", name)
        self._put(ref, _text(lines), over)
        return self._note(ref, "busy", lines, overwritten=overwritten)

    def _put(self, ref: BlobRef, content: bytes, over: str = "*") -> None:
        """Write one version, and no second one if the answer to the first is lost."""

        def write() -> None:
            with suppress(Conflict):
                self._engine.ports.writer.write(ref, content, over)

        self._surely(write)
        assert self._surely(lambda: self._engine.ports.blobs.read(ref)) == content

    def _note(
        self, ref: BlobRef, pipeline: str, lines: tuple[str, ...], *, overwritten: bool = False
    ) -> str:
        facts = self._surely(lambda: self._engine.ports.blobs.head(ref))
        assert facts is not None
        run = naming.run_id(pipeline, blob_key(event_of(self._engine, facts)))
        self._add(Work(run, pipeline, lines, overwritten))
        return facts.etag

    def _add(self, work: Work) -> None:
        self.works.append(work)
        self._under_way.append(work)

    def _lines(self, number: int) -> tuple[str, ...]:
        rest = (self._draw.choice(("ok b", "sleep 0.5", "fail c")) for _ in range(3))
        return (f"ok {number}", *rest)

    def _surely[T](self, act: Callable[[], T]) -> T:
        return next(self._answers(act))

    def _answers[T](self, act: Callable[[], T]) -> Iterator[T]:
        """Ask again and again, as a client does while a service does not answer."""
        while True:
            with suppress(Transient, OSError):
                yield act()
            time.sleep(_PAUSE_S)


def _text(lines: tuple[str, ...]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
