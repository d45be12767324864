"""The numbers of host.json follow from what was measured, and the decision record has them."""

import json
import re
from datetime import timedelta

from pipeline.cli.stack.config import Keys, Wishes, stack_config
from pipeline.domain.money.cost import INSTANCE_MB, POLLS_A_MINUTE
from pipeline.domain.runs.messages import Queue
from pipeline.domain.slices import SHARE
from tests.infra.deployment import ROOT, app_settings

RECORD = (ROOT / "docs/adr/0024-few-doors.md").read_text("utf-8")
COSTS = (ROOT / "docs/cost.md").read_text("utf-8")
HOST = json.loads((ROOT / "host.json").read_text("utf-8"))
QUEUES = HOST["extensions"]["queues"]
MOST_MIB = 400  # of a worker at full concurrency
THREADS = "PYTHON_THREADPOOL_THREAD_COUNT"


def span(text):
    hours, minutes, seconds = map(int, text.split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


LIMIT = span(HOST["functionTimeout"])
IN_HAND = QUEUES["batchSize"] + QUEUES["newBatchThreshold"]


def measured(load):
    """Return the peak memory in MiB and the seconds of a core of a load, from the page on costs."""
    (peak, seconds) = re.findall(rf"^\| {load} \| (\d+) \| (\d*) ?\|", COSTS, re.MULTILINE)[0]
    return int(peak), int(seconds or 0)


def test_the_decision_record_has_the_numbers_of_host_json():
    told = dict(re.findall(r"^\| `(\w+)` \| ([\d:]+) \|", RECORD, re.MULTILINE))
    settings = app_settings()
    keys = QUEUES.keys() - {"messageEncoding"}
    assert told == {
        "functionTimeout": HOST["functionTimeout"],
        THREADS: settings[THREADS],
        **{key: str(QUEUES[key]) for key in keys},
    }


def test_every_message_in_hand_has_a_thread_in_azure_and_on_this_machine():
    keys = Keys("", "", "")
    local = stack_config(keys, ROOT, ROOT, Wishes())["settings"]
    assert int(app_settings()[THREADS]) == int(local[THREADS]) == IN_HAND


def test_the_heaviest_steps_end_in_time_even_if_all_in_hand_are_such():
    """They share the one core of an instance, and begin within a third of the limit.

    What takes longer works in slices.
    """
    assert INSTANCE_MB == 2048  # a core
    _, seconds = measured("list 1,000,000 outputs for a commit in pages, in a process .*")
    assert timedelta(seconds=IN_HAND * seconds) <= LIMIT - LIMIT / SHARE


def test_the_worker_stays_small_at_full_concurrency():
    idle, _ = measured("idle, after some ticks")
    peak, _ = measured("16 parts of 16 MiB zipped, streaming")
    assert idle + IN_HAND * (peak - idle) / 16 <= MOST_MIB
    for load in ("plan and submit 1,000,000 items, 1,000 a task", "count and assemble 1,000,000.*"):
        assert measured(load)[0] <= MOST_MIB


def test_polls_of_instances_that_live_all_month_cost_what_the_record_says():
    polls = len(Queue) * timedelta(hours=730) / span(QUEUES["maxPollingInterval"])
    assert timedelta(minutes=1) / span(QUEUES["maxPollingInterval"]) == POLLS_A_MINUTE
    assert f"{polls / 1e6:.1f}\n  million polls: {polls * 0.004 / 10_000:.2f} USD" in RECORD


def test_the_app_has_three_queue_triggers():
    source = (ROOT / "function_app.py").read_text("utf-8")
    assert source.count("queue_trigger(") == 1
    assert "for _queue in Queue:\n    _on_queue(_queue)" in source
    assert len(Queue) == 3


def test_nothing_samples_the_records_that_alerts_look_for():
    """In this mode the host reads no samplingSettings: its exporter obeys the environment."""
    assert HOST["telemetryMode"] == "OpenTelemetry"
    assert "applicationInsights" not in HOST["logging"]
    settings = app_settings()
    assert settings["OTEL_TRACES_SAMPLER"] == "microsoft.fixed_percentage"
    assert float(str(settings["OTEL_TRACES_SAMPLER_ARG"])) == 1
