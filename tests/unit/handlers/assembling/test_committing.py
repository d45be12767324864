"""A run that is committing its output ends, even if its commit record was changed or deleted."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.manifest import Manifest
from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Permanent, Transient
from pipeline.handlers.assembling import copying
from pipeline.handlers.collecting import indexing
from pipeline.handlers.ending.conclude import Verdict
from tests.unit.handlers.conftest import content_of


@pytest.fixture(autouse=True, params=[indexing.FEW, 0], ids=["small", "large"])
def few(request, monkeypatch):
    """Let the run be small, or large: then others count its items in slices."""
    monkeypatch.setattr(indexing, "FEW", request.param)


def refused(app, verb: str, name: str, error: Exception) -> None:
    """Make a verb of the writer fail for blobs whose name has this ending."""
    real = app.world.ports.writer

    class Refusing:
        def __getattr__(self, called):
            def call(*args, **more):
                if called == verb and any(
                    isinstance(a, BlobRef) and a.name.endswith(name) for a in args
                ):
                    raise error
                return getattr(real, called)(*args, **more)

            return call

    app.through(replace(app.world.ports, writer=Refusing()))


def committing(app):
    """Bring a run to the point where its output is chosen but cannot be copied; return it."""
    refused(app, "write", "all.txt", Transient("The service is busy."))
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    app.run_tasks()
    app.pump()
    run = app.only_run()
    assert run.state == "committing"
    return run


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"files": 3}'], ids=str)
def test_an_unreadable_commit_record_ends_the_run_and_names_the_blob(app_with, content):
    app = app_with()
    name = f"{committing(app).id}/g1/assembled/chosen.json"
    if content is None:
        app.world.blobs.remove("engine", name)
    else:
        app.world.blobs.put("engine", name, content)
    app.through(app.world.ports)
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause) == ("failed", "output-unusable")
    assert name in run.error
    assert [event["type"] for event in app.world.events.published] == ["fanfare.run.failed"]


def test_a_commit_record_that_was_deleted_after_the_commit_does_not_matter(app_with):
    app = app_with()
    refused(app, "write", "latest/manifest.json", Transient("503"))
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    app.run_tasks()
    app.pump()
    app.world.blobs.remove("engine", f"{app.only_run().id}/g1/assembled/chosen.json")
    app.through(app.world.ports)
    app.settle()
    run = app.only_run()
    assert (run.state, run.succeeded, content_of(app, run)) == ("succeeded", 1, b"0\n")
    published = app.world.events.published[-1]["data"]
    assert published["output"]["manifest"] == run.output.manifest
    ref = BlobRef("output", f"job/{run.id}/g1/manifest.json")
    manifest = Manifest.model_validate_json(app.world.blobs.read(ref))
    assert (run.failed, run.node_seconds) == (manifest.missing_total, manifest.node_seconds)
    assert run.node_seconds > 0
    assert run.cost > 0


def test_no_run_succeeds_without_its_output_and_its_counts():
    with pytest.raises(ValueError, match="output"):
        Verdict(State.SUCCEEDED)


@pytest.mark.parametrize("change", [lambda _: b"{", lambda text: text.replace(b"job-", b"job-0")])
def test_a_manifest_of_another_run_ends_the_run_and_is_left_alone(app_with, change):
    app = app_with()
    app.upload("lines/0.txt", b"one\n")
    app.settle()
    ours = BlobRef("output", f"job/{app.only_run().id}/g1/manifest.json")
    theirs = change(app.world.blobs.read(ours))
    app = app_with()
    name = f"job/{committing(app).id}/g1/manifest.json"
    app.world.blobs.put("output", name, theirs)
    app.through(app.world.ports)
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause) == ("failed", "output-unusable")
    assert name in run.error
    assert app.world.blobs.read(BlobRef("output", name)) == theirs


@pytest.mark.parametrize("error", [Permanent("A lease."), Transient("503")], ids=repr)
def test_an_alias_that_cannot_be_moved_delays_no_verdict(app_with, caplog, error):
    app = app_with()
    refused(app, "write", "latest/manifest.json", error)
    app.upload("lines/a.txt", b"one\n")
    app.settle(patience=timedelta(hours=1))
    assert app.only_run().state == "succeeded"
    assert "Alias not moved" in caplog.messages


@pytest.mark.parametrize(("verb", "small"), [("write", 100), ("copy", 0)])
def test_an_output_that_may_not_be_committed_fails_the_run_and_says_why(
    app_with, monkeypatch, verb, small
):
    monkeypatch.setattr(copying, "SMALL", small)
    app = app_with()
    refused(app, verb, "all.txt", Permanent("The container is immutable."))
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause) == ("failed", "output-unusable")
    assert "could not be committed: The container is immutable." in run.error
