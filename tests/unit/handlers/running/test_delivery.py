"""How a task gets its files: by its request up to a limit, and beyond it by a list."""

import json
from dataclasses import replace

import pytest

from pipeline.domain.plans import delivery
from pipeline.domain.plans.plan import Page, PlannedInput
from pipeline.domain.runs import failures
from pipeline.domain.runs.messages import Step
from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Permanent
from pipeline.handlers.ending import purge
from pipeline.handlers.running import delivery as handler
from pipeline.handlers.running import scripts as handler_scripts
from pipeline.handlers.starting.start import start_for_request
from pipeline.ports.batch import TaskSpec
from task_scripts.runtime.files import runner_fetch
from tests.fakes.batch import Outcome
from tests.fakes.crash import Injector
from tests.fakes.definitions import older_runner
from tests.unit.handlers.conftest import LINES, REQUEST, content_of
from tests.unit.handlers.nodes import scripted, watched

JOINED = LINES.partition("assemble:")[0] + (
    "assemble: {program: {program: join.py, arguments: ['{parts}', '{output}']}}\n"
    "split: {lines: {}}\n"
)
BLOBS = f"{REQUEST}split: {{blobs: {{container: input, prefix: many/}}}}\nbundle: {{items: 500}}\n"
URL = "http://127.0.0.1:10000/fanfare/parts/"


def parts(count: int):
    """Return a program whose items write so many files, and whose assembler joins them."""

    def work(item):
        if item.page["program"]["file"] != "join.py":
            return [(f"{number:04}.txt", b"%d\n" % number) for number in range(count)]
        return [("all.txt", b"".join(item.files[p["file"]] for p in item.json("parts.json")))]

    return work


def run_of(app_with, count: int):
    """Let a run join so many parts; return the app and the spec of its assembler."""
    app = app_with(JOINED, program=parts(count))
    seen = watched(app)
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    return app, seen[-1]


def lists(app) -> list[str]:
    return [name for name in app.world.blobs.names("engine") if "/files/" in name]


def most_parts(app_with) -> int:
    """Return how many parts a request carries besides the input and the list of parts."""
    app, spec = run_of(app_with, 1000)
    page = Page.model_validate_json(app.world.blobs.read(app.world.blobs.at(spec.inputs[0].url)))
    fitting = (k for k in range(1003) if not delivery.fits_request(page.inputs[:k]))
    return next(fitting) - 3


def test_up_to_the_limit_files_are_in_the_request_and_beyond_it_in_a_list(app_with):
    most = most_parts(app_with)
    assert 600 < most < 1000
    app, spec = run_of(app_with, most)
    assert (len(spec.inputs), lists(app)) == (most + 3, [])
    assert set(spec.environment) == {"FANFARE_TASK", "TRACEPARENT"}
    app, spec = run_of(app_with, most + 1)
    assert [file.path for file in spec.inputs] == ["page.json", "parts.json", "files.jsonl"]
    (name,) = lists(app)
    run = app.only_run()
    assert name.startswith(f"{run.id}/g1/files/assemble-x0-")
    assert spec.environment == {
        "FANFARE_TASK": "0",
        "TRACEPARENT": run.traceparent,
        "FANFARE_FILES": "files.jsonl",
        "FANFARE_STORAGE": "http://127.0.0.1:10000",
    }
    assert (run.state, content_of(app, run).count(b"\n")) == ("succeeded", most + 1)


def test_a_line_says_where_a_file_lies_until_when_it_may_be_read_and_its_size(app_with):
    app, spec = run_of(app_with, 1200)
    (name,) = lists(app)
    lines = app.world.blobs.read(BlobRef("engine", name)).splitlines()
    assert json.loads(lines[0])["path"] == "in/input.txt"
    assert len(lines) == 1 + 1200
    last = json.loads(lines[-1])
    assert (last["path"], last["size"]) == ("parts/001199.txt", len("1199\n"))
    assert spec.access_until.isoformat().replace("+", "%2B").replace(":", "%3A") in last["url"]
    assert app.world.blobs.read(app.world.blobs.at(last["url"])) == b"1199\n"


def test_the_longest_files_decide_not_their_number():
    def fits(length: int, count: int) -> bool:
        one = PlannedInput(file="in/1", name="n", url=URL + "n" * length)
        return delivery.fits_request([one] * count)

    size = delivery.SIGNED_BYTES + len(URL) + len("in/1")
    most = (delivery.CARRIED_BYTES - 900 * (size + 10)) // (size + 10) + 900
    assert fits(10, most)
    assert not fits(10, most + 1)
    assert not fits(3000, most // 5)


def assembling(app):
    """Let a run come to the point where it asks for its assembler."""
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    app.run_tasks()


@pytest.mark.parametrize("when", ["before", "after", "twice"])
@pytest.mark.parametrize(("port", "verb", "nth"), [("writer", "write", 3), ("jobs", "add", 1)])
def test_a_list_survives_a_crash_and_is_written_once(app_with, port, verb, nth, when):
    app = app_with(JOINED, program=parts(900))
    seen = watched(app)
    assembling(app)
    injector = Injector((port, verb, nth), when)
    app.through(injector.ports(app.world.ports))
    app.settle()
    assert nth in nths(injector, port, verb)
    assert (app.only_run().state, len(lists(app)), len(seen)) == ("succeeded", 1, 2)


def nths(injector, port, verb):
    return [call.nth for call in injector.trace if (call.port, call.verb) == (port, verb)]


def test_a_submission_that_is_repeated_leaves_the_list_as_it_is(app_with):
    app = app_with(JOINED, program=parts(900))
    assembling(app)
    app.pump()
    (name,) = lists(app)
    before = app.world.blobs.head(BlobRef("engine", name))
    app.world.clock.advance(hours=2)
    app.engine.wake(Step.ASSEMBLE, app.only_run())
    app.pump()
    assert app.world.blobs.head(BlobRef("engine", name)) == before


def not_fetching(app, words: bytes):
    """End a task as a runner does that cannot fetch its files."""

    def execute(spec: TaskSpec) -> Outcome:
        upload = next(one for one in spec.uploads if one.pattern == "s-*.txt")
        ref = BlobRef(upload.container, f"{upload.folder}/s-{app.world.clock.token()}.txt")
        app.world.blobs.write(ref, words, "*")
        return Outcome(runner_fetch.EXIT_CODE)

    return execute


SAID = "Not fetched: parts/000001.txt from work/a: 403 AuthenticationFailed: expired"


def test_an_assembler_that_could_not_fetch_its_files_is_submitted_anew_with_another_list(app_with):
    app = app_with(JOINED, program=parts(900))
    ran = scripted(app, {"assemble": [not_fetching(app, b"noise\n%b\n" % SAID.encode())]})
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    assert (app.only_run().state, ran["assemble"]) == ("succeeded", 2)
    first, second = lists(app)
    assert ("assemble-x0-" in first, "assemble-x1-" in second) == (True, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (f"{SAID}\n".encode(), SAID),
        (b"Not fetched: \x1b[31m\xff" + b"x" * 9000, "FailureExitCode: "),
        (b"Not fetched: \x1b[31m\xff" + b"x" * 5000, "Not fetched: \ufffd[31m\ufffdxxx"),
        (b"", "FailureExitCode: "),
    ],
)
def test_an_assembler_that_never_gets_its_files_ends_the_run_in_the_runners_words(
    app_with, words, told
):
    app = app_with(JOINED, program=parts(900))
    ran = scripted(app, {"assemble": [not_fetching(app, words)] * 3})
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause, ran["assemble"]) == ("failed", "download-failed", 3)
    assert told in run.error
    assert run.error.isprintable()


def test_items_whose_files_cannot_be_fetched_fail_with_the_cause(app_with):
    app = app_with(LINES)
    ran = scripted(app, {"t000000": [not_fetching(app, SAID.encode())] * 3})
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause, ran["t000000"]) == ("failed", "download-failed", 3)
    assert SAID in run.error


def test_a_bundle_of_many_blobs_gets_a_list_of_its_own(app_with):
    app = app_with(BLOBS, program=lambda item: [("part.txt", item.content())])
    seen = watched(app)
    names = [f"many/{'n' * 500}-{number:04}.txt" for number in range(1000)]
    for name in names:
        app.world.blobs.put("input", name, name.encode())
    facts = start_for_request(app.engine, app.engine.catalogue.pipelines["job"], "k", None, {})
    assert facts
    app.settle()
    run = app.only_run()
    assert (run.state, run.succeeded, len(seen)) == ("succeeded", 1000, 2)
    assert [name.partition("/files/")[2][:10] for name in lists(app)] == [
        "t000000-x0",
        "t000001-x0",
    ]


def test_a_run_that_began_with_an_older_runner_gets_its_files_as_before(app_with):
    app = app_with(JOINED, program=parts(900))
    seen, today = watched(app), app.engine
    older = older_runner(today.scripts)
    app.engine = replace(today, scripts=older)
    assembling(app)
    app.engine = today
    app.settle()
    assert (app.only_run().state, lists(app)) == ("succeeded", [])
    assert len(seen[-1].inputs) == 903  # with the page, the input and the list of parts


def test_an_assembler_with_more_parts_than_a_list_may_name_fails_before_it_is_submitted(
    app_with, monkeypatch
):
    monkeypatch.setattr(delivery, "MOST_FILES", 899)
    app, spec = run_of(app_with, 900)
    run = app.only_run()
    assert (run.state, run.cause, spec.id) == ("failed", "program-failed", "t000000")
    assert "A task takes 899 files, and this one has 900: let the items" in run.error
    assert lists(app) == []


def test_the_limit_counts_files():
    delivery.check_count(delivery.MOST_FILES, "")
    with pytest.raises(Permanent, match="50,001"):
        delivery.check_count(delivery.MOST_FILES + 1, "use fewer")


def test_a_purge_deletes_the_lists(app_with):
    app, _ = run_of(app_with, 900)
    assert len(lists(app)) == 1
    found = purge.belongings(app.engine, app.only_run(), output=False)
    purge.carry_out(app.engine, found)
    assert lists(app) == []


def test_engine_and_runner_mean_the_same():
    assert runner_fetch.EXIT_CODE == failures.NOT_FETCHED
    assert runner_fetch.MARK == handler.MARK
    assert runner_fetch.VARIABLES == handler.VARIABLES
    assert runner_fetch.__name__.endswith(handler_scripts.FETCHING.removesuffix(".py"))
