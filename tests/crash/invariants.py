"""What must be true when everything has settled, whatever happened before."""

import json
from collections import Counter, defaultdict

from pipeline.domain.runs.naming import CONTAINERS, BlobRef, Generation
from pipeline.domain.runs.results import TaskState
from pipeline.domain.runs.run import Run
from pipeline.ledger import index, tasks
from pipeline.ledger.layout import RUNS, TABLES
from tests.crash.scenarios import Scenario
from tests.fakes.app import FakeApp


def watch(app: FakeApp) -> Counter[str]:
    """Count how often each blob of container `output` is written, from now on."""
    written: Counter[str] = Counter()

    def note(event: dict[str, object]) -> None:
        container, _, name = str(event["subject"]).split("/containers/")[1].partition("/blobs/")
        if container == "output":
            written[name] += 1

    app.world.blobs.subscribe(note)
    return written


def check_scenario(app: FakeApp, scenario: Scenario, written: Counter[str]) -> None:
    """Check what is always true, then what this story requires."""
    check(app, written)
    found = app.all_runs()
    assert len(found) == scenario.runs
    for run in found:
        verdicts = verdicts_of(app, run)
        assert tuple(verdicts[g] for g in sorted(verdicts)) == scenario.verdicts
        if run.state == "succeeded":
            assert run.succeeded + run.failed == scenario.items
            assert _content(app, run) == scenario.content


def check(app: FakeApp, written: Counter[str]) -> None:
    """Check that nothing waits, nothing leaked, and each generation has only one verdict."""
    assert app.world.queues.total() == 0, "messages are left"
    assert list(index.active(app.world.tables)) == [], "runs are active"
    assert not app.unfinished(), "something is unfinished"
    live = [name for name, job in app.world.batch.jobs.items() if job.state == "active"]
    assert live == [], "jobs are active"
    for row in app.world.tables.rows(RUNS):
        assert row.key != "!places" or row.values["runs"] == "[]", "places leaked"
    for run in app.all_runs():
        _check_run(app, run, written)
    _check_secrets(app)


def _check_secrets(app: FakeApp) -> None:
    """Check that no value of a secret is left anywhere."""
    values = app.world.secrets.values.values()
    if not values:
        return
    tables = [row for table in TABLES for row in app.world.tables.rows(table)]
    specs = [task.spec for job in app.world.batch.jobs.values() for task in job.tasks.values()]
    told = repr((tables, specs, app.world.events.published))
    assert not [value for value in values if value in told], "a value was told"
    for container in CONTAINERS:
        for facts in app.world.blobs.list(container, ""):
            content = app.world.blobs.read(facts.ref).decode(errors="replace")
            assert not [value for value in values if value in content], f"{facts.ref.name} has one"


def verdicts_of(app: FakeApp, run: Run) -> dict[int, str]:
    """Return the announced verdict of each generation; check that each has only one."""
    told: dict[int, dict[str, object]] = defaultdict(dict)
    for event in app.world.events.published:
        data = event["data"]
        if data["run"] == run.id:
            told[data["generation"]].setdefault(event["id"], event)
            assert told[data["generation"]][event["id"]] == event, "an event changed"
    assert all(len(events) == 1 for events in told.values()), "two verdicts"
    return {g: event["data"]["verdict"] for g, events in told.items() for event in events.values()}


def _check_run(app: FakeApp, run: Run, written: Counter[str]) -> None:
    verdicts = verdicts_of(app, run)
    assert sorted(verdicts) == list(range(1, run.generation + 1)), "a verdict was not announced"
    assert verdicts[run.generation] == run.state
    for generation, verdict in verdicts.items():
        folder = Generation(run.id, generation).output_folder
        files = {name: n for name, n in written.items() if name.startswith(folder + "/")}
        assert set(files.values()) <= {1}, "an output was written twice"
        assert (f"{folder}/manifest.json" in files) == (verdict == "succeeded")
        if verdict == "succeeded":
            _check_rows(app, run, generation)
    if run.state == "succeeded":
        _check_manifest(app, run)


def _check_rows(app: FakeApp, run: Run, generation: int) -> None:
    for result in tasks.results(app.world.tables, run.id, generation):
        assert result.state is TaskState.DONE


def _check_manifest(app: FakeApp, run: Run) -> None:
    manifest = manifest_of(app, run)
    assert manifest["succeeded"] == run.succeeded
    assert manifest["missing_total"] == run.failed
    assert manifest["items"] == run.succeeded + run.failed
    for file in [*manifest["pages"], *_files(app, run)]:
        facts = app.world.blobs.head(app.world.blobs.at(file["url"]))
        assert facts is not None
        assert (facts.size, facts.etag) == (file["size"], file["etag"])


def manifest_of(app: FakeApp, run: Run) -> dict:
    """Read the committed manifest of a run."""
    folder = run.names.output_folder
    return json.loads(app.world.blobs.read(BlobRef("output", f"{folder}/manifest.json")))


def _files(app: FakeApp, run: Run) -> list[dict]:
    manifest = manifest_of(app, run)
    pages = [json.loads(_read(app, page)) for page in manifest["pages"]]
    return [file for files in (manifest["files"] or [], *pages) for file in files]


def _content(app: FakeApp, run: Run) -> bytes:
    """Read all files of an output, one after another."""
    return b"".join(_read(app, file) for file in _files(app, run))


def _read(app: FakeApp, file: dict) -> bytes:
    return app.world.blobs.read(app.world.blobs.at(file["url"]))
