"""`fanfare smoke` over the fakes: what it proves, what it refuses to call well, what it leaves."""

import json

import pytest

from pipeline.cli.exits import Exit
from pipeline.cli.smoking import definitions
from pipeline.cli.smoking.hearing import Deaf
from pipeline.cli.smoking.made import Made
from pipeline.cli.smoking.report import Found, Outcome
from pipeline.cli.smoking.steps import Smoke
from pipeline.domain.definitions.pool import Containers
from pipeline.domain.waiting.reports import PoolReport
from tests.fakes.definitions import PULLED
from tests.fakes.node import Failure
from tests.unit.cli.conftest import LINES
from tests.unit.cli.smoking.conftest import QUEUE, obedient
from tests.unit.domain.definitions.test_pool import pool

BOXED = LINES.replace("pool: cpu", "pool: boxes").replace(
    "program: work.py", f"image: {PULLED}, program: work.py"
)
GPU = LINES.replace("pool: cpu", "pool: cards")
STEPS = ["run on cpu", "completion event", "cancel", "redrive", "cost", "removal"]


def smoked(made, *more):
    """Run a smoke; return its exit code, its answer, and the steps by name."""
    result = made("smoke", "--json", "--target", made.folder / ".env", *more)
    answer = json.loads(result.stdout)
    return result.exit_code, answer, {step["step"]: step for step in answer["steps"]}


def outcomes(steps):
    return {name: step["outcome"] for name, step in steps.items()}


def test_every_step_is_proven_and_what_was_made_is_removed(deployment):
    made = deployment()
    code, answer, steps = smoked(made)
    assert (code, answer["ok"]) == (Exit.OK, True), answer
    assert outcomes(steps) == dict.fromkeys(STEPS, "ok")
    assert all(run.over and run.purged_at for run in made.app.all_runs())
    blobs = made.app.world.blobs
    assert [blobs.names(one) for one in ("input", "work", "receipts", "output")] == [[]] * 4


def test_the_cost_is_that_of_all_runs(deployment):
    made = deployment()
    _, answer, steps = smoked(made)
    runs = made.app.all_runs()
    assert answer["node_seconds"] == sum(run.node_seconds for run in runs) > 0
    assert answer["cost"] == pytest.approx(sum(run.cost for run in runs))
    assert f"3 runs, {answer['node_seconds']} node-seconds" in steps["cost"]["evidence"]


def test_its_runs_are_in_no_list_but_that_of_their_own_name(deployment):
    made = deployment()
    smoked(made)
    assert made.json("ls")["runs"] == []
    assert len(made.json("ls", "fanfare-smoke")["runs"]) == 3


def test_a_pool_of_containers_gets_a_run_in_its_image(deployment):
    _, _, steps = smoked(deployment(BOXED))
    assert steps["container on boxes"]["outcome"] == "ok"
    assert PULLED in steps["container on boxes"]["evidence"]


def test_an_image_that_nobody_has_fails_the_step_of_its_pool_alone(deployment):
    made = deployment(BOXED)
    made.app.world.images.refused[PULLED] = "the registry has no such image"
    code, _, steps = smoked(made)
    assert (code, steps["container on boxes"]["outcome"]) == (Exit.FAILED, "failed")
    assert "no such image" in steps["container on boxes"]["evidence"]
    assert steps["run on cpu"]["outcome"] == steps["redrive"]["outcome"] == "ok"


def test_an_image_that_this_machine_lacks_is_skipped_and_said(deployment):
    made = deployment(BOXED)
    pools = [made.app.engine.catalogue.pools[name] for name in ("cpu", "boxes")]

    def lacks(image):
        return Found(Outcome.SKIPPED, f"no engine for {image}")

    smoke = Smoke(Made(made.session(), 60, lambda _: None), pools, Deaf("no topic"), lacks)
    steps = {step.step: step for step in smoke.steps()}
    skipped = steps["container on boxes"]
    assert (skipped.outcome, skipped.evidence) == ("skipped", f"no engine for {PULLED}")
    assert (steps["run on cpu"].outcome, len(made.app.all_runs())) == ("ok", 3)


def test_nodes_with_gpus_are_tried_only_when_their_pool_is_named(deployment):
    made = deployment(GPU)
    _, _, steps = smoked(made)
    assert steps["run on cards"]["outcome"] == "skipped"
    assert "fanfare smoke --pool cards" in steps["run on cards"]["remedy"]
    assert smoked(made, "--pool", "cards")[2]["run on cards"]["outcome"] == "ok"


@pytest.mark.parametrize(
    ("subscribed", "reason"),
    [
        (None, "no queue of this storage account is subscribed"),
        ({**QUEUE, "filter": {"includedEventTypes": ["fanfare.run.failed"]}}, "no queue of this"),
    ],
)
def test_an_event_that_nobody_could_see_is_never_called_well(deployment, subscribed, reason):
    code, answer, steps = smoked(deployment(subscribed=subscribed))
    event = steps["completion event"]
    assert (event["outcome"], code, answer["ok"]) == ("unseen", Exit.OK, True)
    assert "the app published" in event["evidence"] and reason in event["evidence"]
    assert event["remedy"].startswith("fanfare subscribe --queue NAME --print --target ")


def test_an_event_that_does_not_arrive_fails_its_step(deployment):
    made = deployment()
    made.delivers = False
    code, _, steps = smoked(made, "--step-limit", "60")
    assert (code, steps["completion event"]["outcome"]) == (Exit.FAILED, "failed")
    assert "waited 60 s in vain" in steps["completion event"]["evidence"]


def test_a_queue_that_is_too_full_to_see_it_is_unseen(deployment):
    made = deployment()
    for number in range(40):
        made.app.world.queues.send("desk", f"{number}")
    _, _, steps = smoked(made, "--step-limit", "60")
    assert steps["completion event"]["outcome"] == "unseen"
    assert "more messages than a look can see" in steps["completion event"]["evidence"]


def test_a_step_that_waits_too_long_names_the_obstacle_and_the_next_are_skipped(deployment):
    made = deployment()
    pool_id = made.app.engine.pool_id_of(made.app.engine.catalogue.pools["cpu"])
    made.app.world.batch.pools[pool_id] = PoolReport("active", "steady", 0, 4)
    made.works = False
    code, _, steps = smoked(made, "--step-limit", "60")
    assert code == Exit.FAILED
    assert "not over after 60 s" in steps["run on cpu"]["evidence"]
    assert "pool-not-scaled: 1 task queued" in steps["run on cpu"]["evidence"]
    assert [steps[name]["outcome"] for name in ("completion event", "cancel", "redrive")] == [
        "skipped"
    ] * 3
    assert steps["removal"]["outcome"] == "ok"
    assert made.app.only_run().state == "cancelled"


def test_a_pool_that_is_missing_fails_at_once_with_the_command_that_makes_it(deployment):
    made = deployment()
    made.app.world.batch.pools.clear()
    made.works = False
    _, _, steps = smoked(made)
    assert "does not exist" in steps["run on cpu"]["evidence"]
    assert steps["run on cpu"]["remedy"] == "azd provision"
    assert steps["run on cpu"]["seconds"] < 60


def test_a_run_that_wrote_something_else_is_no_success(deployment):
    def garbles(item):
        return [("answer.txt", b"nonsense\n")] if item.inputs else obedient(item)

    code, _, steps = smoked(deployment(program=garbles))
    assert (code, steps["run on cpu"]["outcome"]) == (Exit.FAILED, "failed")
    assert "wrote 'nonsense', not its input in capitals" in steps["run on cpu"]["evidence"]


def test_a_redrive_that_fails_again_says_with_which_cause(deployment):
    def fails_ever(item):
        return obedient(item) if item.inputs else Failure(exit_code=7)

    _, _, steps = smoked(deployment(program=fails_ever))
    assert "after the redrive" in steps["redrive"]["evidence"]
    assert "program-failed" in steps["redrive"]["evidence"]


def test_an_interrupted_smoke_cancels_and_removes_all(deployment):
    made = deployment()

    def interrupts():
        if any("running" in run.state for run in made.app.all_runs()):
            made.interrupts = lambda: None
            raise KeyboardInterrupt

    made.interrupts = interrupts
    result = made("smoke", "--target", made.folder / ".env")
    assert result.exit_code != Exit.OK
    assert "removal" in result.stdout
    assert all(run.over and run.purged_at for run in made.app.all_runs())


def test_an_unknown_pool_is_refused_before_anything_starts(deployment):
    made = deployment()
    result = made("smoke", "--pool", "cpi", "--target", made.folder / ".env")
    assert result.exit_code == Exit.USAGE
    assert "did you mean 'cpu'" in result.stderr
    assert made.app.all_runs() == []


def test_people_get_a_line_for_each_step_and_a_summary(deployment):
    made = deployment(subscribed=None)
    result = made("smoke", "--target", made.folder / ".env")
    assert "✓ run on cpu" in result.stdout and "? completion event" in result.stdout
    assert "5 ok, 1 unseen" in result.stdout


@pytest.mark.parametrize(
    ("image", "named"),
    [
        ("python", "docker.io/library/python:latest"),
        ("python:3.13-slim", "docker.io/library/python:3.13-slim"),
        ("me.azurecr.io:443/tool", "me.azurecr.io:443/tool:latest"),
        (f"me.azurecr.io/tool@sha256:{'a' * 64}", f"me.azurecr.io/tool@sha256:{'a' * 64}"),
    ],
)
def test_the_image_of_a_pool_gets_the_registry_and_the_tag_that_engines_assume(image, named):
    boxes = pool(containers=Containers(images=(image,)))
    assert definitions.image_of(boxes) == named
    assert definitions.reading(boxes).task.image == named
