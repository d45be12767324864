"""Lists of runs over HTTP: what they have, how they go on, and what is refused."""

from datetime import timedelta

import pytest

from pipeline.handlers.doors import http
from tests.unit.handlers.conftest import LINES


@pytest.fixture
def app(app_with):
    return app_with(LINES)


def listed(app, *asked):
    return http.answering(lambda: http.list_runs(app.engine, *asked))


def test_the_list_has_the_latest_runs_of_one_pipeline_or_of_all(app):
    begun = []
    for key in "abc":
        app.upload(f"lines/{key}.txt", b"one\n")
        app.pump()
        (run,) = (run.id for run in app.all_runs() if run.id not in begun)
        begun.insert(0, run)
        app.world.clock.advance(timedelta(seconds=1))
    assert [run["id"] for run in listed(app).body["runs"]] == begun
    assert [run["id"] for run in listed(app, "job", "2").body["runs"]] == begun[:2]
    (latest,) = listed(app, None, "1").body["runs"]
    assert set(latest) == {
        "id", "pipeline", "generation", "state", "created_at", "ended_at", "purged_at", "why",
        "obstacle", "cause", "by",
        "succeeded", "failed", "input", "node_seconds", "cost", "currency",
    }  # fmt: skip


def test_a_list_without_runs_is_empty_and_one_of_no_pipeline_is_404(app):
    assert listed(app, "job").body == {"runs": [], "unreadable": [], "next": None}
    reply = listed(app, "jop")
    assert (reply.status, "did you mean 'job'?" in reply.body["error"]) == (404, True)
    assert listed(app, "!pipelines").status == 404


@pytest.mark.parametrize("limit", ["0", "-1", "201", "x", "1.5", "²", "9" * 5000])
def test_a_limit_that_is_not_a_number_is_400(app, limit):
    reply = listed(app, None, limit)
    assert (reply.status, reply.body["retry"]) == (400, False)
    assert "from 1 to 200" in reply.body["error"]


@pytest.mark.parametrize("after", ["x", "0123456789012", "0123456789012:x", "x:job-00", "\0"])
def test_a_list_goes_on_only_where_a_list_ended(app, after):
    reply = http.answering(lambda: http.list_runs(app.engine, after=after))
    assert (reply.status, reply.body["retry"]) == (400, False)
    assert "`after` has to be the `next` of a list" in reply.body["error"]
