"""How the secrets of a run come to its tasks, and what happens if they cannot."""

import json
from datetime import timedelta

import pytest

from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.obstacles import ObstacleCode
from pipeline.handlers.ending import steer
from pipeline.handlers.why import obstacle_to
from pipeline.ledger.layout import TABLES
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import BLOB, PLAIN

VALUE = "value-of-the-secret"
SECRET = "task: {program: work.py, secrets: {TOKEN: my-vault/token}}"
LINES = f"{BLOB}{PLAIN}split: {{lines: {{}}}}\n"
TEXT = LINES.replace('task: {program: work.py, arguments: ["{output}"]}', SECRET)
STAGES = f"""
trigger: {{blob: {{container: input, prefix: lines/}}}}
split: {{program: {{program: cut.py, parameters: [n], secrets: {{CUT: my-vault/cut}}}}}}
{SECRET}
pool: cpu
assemble: {{program: {{program: join.py, secrets: {{JOIN: my-vault/token}}}}}}
"""


@pytest.fixture
def app(app_with):
    app = app_with(TEXT)
    app.world.secrets.values["my-vault/token"] = VALUE
    return app


def begun(app):
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.pump()
    return app.only_run()


def given(app, task="t000000"):
    """Return the blob by which a task gets its secrets."""
    specs = [t.spec for job in app.world.batch.jobs.values() for t in job.tasks.values()]
    (spec,) = (spec for spec in specs if spec.id == task)
    (file,) = (file for file in spec.inputs if file.path == "secrets.json")
    return app.world.blobs.at(file.url)


def everything_told(app):
    """Return all that people and programs read: rows, messages, jobs, and blobs but for secrets."""
    world = app.world
    rows = [row for table in TABLES for row in world.tables.rows(table)]
    blobs = [
        (name, world.blobs.read(facts.ref))
        for container in ("work", "receipts", "engine", "output", "scripts")
        for facts in world.blobs.list(container, "")
        if "/secrets/" not in (name := facts.ref.name)
    ]
    jobs = [(job.spec, job.tasks) for job in world.batch.jobs.values()]
    return repr((rows, blobs, jobs, world.events.published, vars(world.queues)))


def test_a_task_gets_one_blob_with_its_secrets_and_nothing_else_has_a_value(app):
    begun(app)
    content = json.loads(app.world.blobs.read(given(app)))
    assert content == {"TOKEN": {"as": "env", "value": VALUE}}
    assert VALUE not in everything_told(app)
    app.settle()
    assert app.only_run().state is State.SUCCEEDED
    assert VALUE not in everything_told(app)
    assert not app.world.blobs.names("engine", f"{app.only_run().id}/g1/secrets/")


def test_its_name_follows_from_a_seal_that_only_the_ledger_has(app):
    run = begun(app)
    name = given(app).name
    assert run.seal and run.seal not in name
    assert name == run.names.secrets("task").name
    assert name != run.model_copy(update={"seal": "0" * 32}).names.secrets("task").name


def test_each_stage_gets_its_own_secrets_alone(app_with):
    app = app_with(STAGES)
    app.world.secrets.values = {"my-vault/token": VALUE, "my-vault/cut": "value-for-cutting"}
    seen = {}

    def program(item):
        file = item.page["program"]["file"]
        seen[file] = [*item.json("secrets.json")]
        items = b'[{"parameters": {"n": 1}}]'
        return [("items.json", items) if file == "cut.py" else ("x.txt", b"x")]

    app.program = program
    begun(app)
    app.settle()
    assert seen == {"cut.py": ["CUT"], "work.py": ["TOKEN"], "join.py": ["JOIN"]}


def test_a_further_execution_gets_the_value_of_the_first_and_a_redrive_the_present_one(app_with):
    app = app_with(f"{TEXT}retries: {{program-failed: 1}}\n")
    app.world.secrets.values["my-vault/token"] = VALUE
    seen = []

    def fails(item):
        seen.append(item.json("secrets.json")["TOKEN"]["value"])
        app.world.secrets.values["my-vault/token"] = "a-newer-value"
        return Failure()

    app.program = fails
    begun(app)
    app.settle()
    assert set(seen) == {VALUE}
    steer.redrive(app.engine, app.only_run().id)
    app.settle()
    assert set(seen) == {VALUE, "a-newer-value"}


def test_a_task_that_batch_repeats_finds_its_secrets_again(app):
    begun(app)
    (job,) = app.world.batch.jobs.values()
    spec, seen = job.tasks["t000000"].spec, []

    def program(item):
        seen.append(item.json("secrets.json")["TOKEN"]["value"])
        return []

    for _ in range(2):  # the first node is lost, and what it did
        app.world.node(program)(spec)
    assert seen == [VALUE, VALUE]


def test_a_vault_is_asked_once_a_generation_however_many_tasks_there_are(app_with):
    app = app_with(TEXT.replace("lines: {}", "range: {start: 0, stop: 250, step: 1}"))
    app.world.secrets.values["my-vault/token"] = VALUE
    asked, read = [], app.world.secrets.read
    app.world.secrets.read = lambda secret: (asked.append(secret), read(secret))[1]
    app.upload("lines/a.txt", b"x")
    app.settle()
    assert (app.only_run().state, asked) == (State.SUCCEEDED, ["my-vault/token"])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "Vault my-vault has no secret my-vault/token"),
        ("12345", "The secret my-vault/token has fewer than 6 characters"),
        ("", "has fewer than 6 characters"),
        (" \n" * 20, "has fewer than 6 characters"),
        (
            "value\0of-nul",
            "has a NUL character, which no variable can hold: take it with `as: file",
        ),
        ("value" * 6000, "is larger than 25 KiB"),
        ("value\ud800", "is no text that UTF-8 can write: store it as Base64"),
    ],
)
def test_a_secret_that_cannot_be_given_ends_the_run_before_anything_is_paid(app, value, said):
    app.world.secrets.values = {} if value is None else {"my-vault/token": value}
    begun(app)
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause) == (State.FAILED, Cause.SECRET_MISSING)
    assert said in run.error
    assert not value or value.strip() not in everything_told(app) or not value.strip()
    assert not app.world.batch.jobs
    assert not app.world.blobs.names("engine", "job-")


def test_a_file_may_have_a_nul(app_with):
    app = app_with(TEXT.replace("my-vault/token}", "{from: my-vault/token, as: file}}"))
    app.world.secrets.values["my-vault/token"] = "value\0of-nul"
    begun(app)
    content = json.loads(app.world.blobs.read(given(app)))
    assert content == {"TOKEN": {"as": "file", "value": "value\0of-nul"}}


def test_a_vault_that_does_not_answer_is_waited_for_and_the_run_says_so(app):
    app.world.secrets.down.add("my-vault")
    begun(app)
    for _ in range(8):
        app.pump()
        app.pass_time()
    found = obstacle_to(app.engine, app.only_run())
    assert found.code is ObstacleCode.VAULT_NOT_ANSWERING
    assert "does not give secret my-vault/token" in found.evidence
    app.world.secrets.down.clear()
    app.settle()
    assert app.only_run().state is State.SUCCEEDED


def test_a_vault_that_stays_away_ends_the_run_and_the_error_names_the_secret(app):
    app.world.secrets.down.add("my-vault")
    begun(app)
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause) == (State.FAILED, Cause.POISONED)
    assert "Vault my-vault does not give secret my-vault/token" in run.error
    assert not app.world.batch.jobs


def test_a_cancelled_run_leaves_no_value(app):
    run = begun(app)
    ref = given(app)
    steer.cancel(app.engine, run.id)
    app.settle()
    assert app.world.blobs.head(ref) is None


def test_a_run_that_its_time_limit_ends_leaves_no_value(app):
    begun(app)
    ref = given(app)
    app.pass_time(timedelta(hours=7))
    app.settle()
    assert app.only_run().cause is Cause.RUN_TIMED_OUT
    assert app.world.blobs.head(ref) is None


def test_a_task_whose_secrets_are_gone_is_executed_anew_and_then_fails(app):
    begun(app)
    app.world.blobs.delete(given(app))
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause, run.executions) == (State.FAILED, Cause.DOWNLOAD_FAILED, 2)


def test_a_run_without_secrets_asks_no_vault_and_deletes_nothing(app_with):
    app = app_with(LINES)
    app.world.secrets.read = None
    app.world.blobs.delete = None
    begun(app)
    app.settle()
    assert app.only_run().state is State.SUCCEEDED
