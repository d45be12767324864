"""The moments at which a release's world is kept: each state of a run, when the process dies.

A story runs once for each of its calls to the outside, and dies at that call. Of the worlds that
remain, the first and the last of each state are kept.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from pipeline.handlers.ending import steer
from tests.crash.programs import second_fails_first, work
from tests.fakes.app import FakeApp
from tests.fakes.crash import Crash, Injector
from tests.fakes.definitions import written
from tests.fakes.world import FakeWorld

# Not the stories of the crash tests: samples must not change with them.
TASK = """
task: {program: work.py, arguments: ["{output}"]}
pool: cpu
"""
LINES = f"""
trigger: {{blob: {{container: input, prefix: lines/}}}}
split: {{lines: {{}}}}
assemble: {{concatenate: {{format: plain, name: all.txt}}}}
max_concurrent_runs: 1
{TASK}"""
RANGE = f"""
trigger: {{http: true, schedule: {{cron: "0 5 10 24 12 *", time_zone: UTC}}}}
split: {{range: {{start: 0, stop: 20, step: 10}}}}
assemble: {{reduce: {{name: sum.json, fields: {{total: sum}}}}}}
output: {{alias: none}}
{TASK}"""
PROGRAMS = f"""
trigger: {{blob: {{container: input, prefix: programs/}}}}
split: {{program: {{program: cut.py, parameters: [n]}}}}
assemble: {{program: {{program: join.py}}}}
{TASK}"""
DEFINITIONS = written((("lines", LINES), ("range", RANGE), ("programs", PROGRAMS)))


class Died(BaseException):
    """The process died, and no other one continues its work."""


@dataclass
class Mortal(FakeApp):
    """An app whose first crash is its last."""

    def survive(self, action: Callable[[], object]) -> bool:
        """Run an action; a crash ends the app."""
        try:
            action()
        except Crash:
            raise Died from None
        return True


def two_uploads(app: FakeApp) -> None:
    """Start two runs; the second waits for the place of the first."""
    app.upload("lines/a.txt", b"one\ntwo\nthree\n")
    app.upload("lines/b.txt", b"four\n")
    app.settle()


def programs(app: FakeApp) -> None:
    """Start a run whose split and assembly are programs on nodes."""
    app.upload("programs/a.txt", b"one\n")
    app.settle()


def redriven(app: FakeApp) -> None:
    """Start a run with a failing item, which succeeds in a second generation."""
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.settle()
    app.survive(lambda: steer.redrive(app.engine, app.only_run().id))
    app.settle()


def cancelled(app: FakeApp) -> None:
    """Cancel a run while its tasks wait for a node."""
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.pump()
    app.survive(lambda: steer.cancel(app.engine, app.only_run().id))
    app.settle()


STORIES = {story.__name__: story for story in (two_uploads, programs, redriven, cancelled)}


def worlds(name: str) -> Iterator[tuple[int, FakeWorld]]:
    """Run a story that dies at its first call, then at its second, and so on to its end."""
    for at in range(1, 10_000):
        program = work if name == "programs" else second_fails_first
        app = Mortal.of(DEFINITIONS, program=program)
        injector = Injector(at=at)
        app.through(injector.ports(app.world.ports))
        try:
            STORIES[name](app)
        except Died:
            yield at, app.world
        else:
            return


def states(world: FakeWorld) -> tuple[str, ...]:
    """Return the states of all runs, in the order of their ids."""
    rows = [
        row for row in world.tables.rows("runs") if ":" not in row.key and "state" in row.values
    ]
    return tuple(str(row.values["state"]) for row in rows)


def chosen(name: str) -> Iterator[tuple[str, FakeWorld]]:
    """Yield a story's moments by name: the first and the last of each combination of states."""
    first: dict[tuple[str, ...], FakeWorld] = {}
    last: dict[tuple[str, ...], FakeWorld] = {}
    for _, world in worlds(name):
        first.setdefault(states(world), world)
        last[states(world)] = world
    for found, world in first.items():
        title = "-".join(found) or "nothing"
        yield f"{name}-{title}-first", world
        yield f"{name}-{title}-last", last[found]


def carried_on(world: FakeWorld) -> FakeApp:
    """Make an app of this release over a world that another release left."""
    engine = DEFINITIONS.engine(world.ports)
    app = FakeApp(engine, world, program=work)
    world.blobs.subscribe(app._hear)
    app.engine = replace(app.engine, ports=world.ports)
    return app


def outcome(app: FakeApp) -> dict[str, object]:
    """Describe how everything ended, as a user sees it."""
    told = {event["id"]: _known(event["data"]["items"]) for event in app.world.events.published}
    return {
        "runs": {run.id: [str(run.state), run.generation, run.succeeded, run.failed]
                 for run in app.all_runs()},
        "events": told,
        "outputs": {
            ref.name: blob.content.decode()
            for ref, blob in app.world.blobs._blobs.items()
            if ref.container == "output" and not ref.name.endswith("manifest.json")
        },
    }  # fmt: skip


def _known(items: dict[str, int]) -> dict[str, int]:
    """Keep the counts that every release has."""
    return {name: items[name] for name in ("succeeded", "failed")}
