"""The host's pure rules: back-off, schedules, routes, settings, host.json."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulators.functions.app.host_json import apply_overrides, parse_host_options
from emulators.functions.app.settings import AppSettings, ByIdentity
from emulators.functions.http.routes import RouteTemplate
from emulators.functions.queue.backoff import PollBackoff
from emulators.functions.queue.doorbell import follow
from emulators.functions.queue.faults import Faults
from emulators.functions.queue.listener import poison_name
from emulators.functions.queue.service import output_messages
from emulators.functions.timer.listener import retry_delay
from emulators.functions.timer.schedule import Schedule, TimerStatus, after_run, decide_start
from emulators.functions.timespans import Clock, parse_span

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
HOURLY = Schedule("0 0 * * * *")


@given(st.floats(0.01, 60), st.integers(0, 2**32))
def test_waits_grow_to_the_maximum_and_never_beyond(maximum, seed):
    backoff = PollBackoff(maximum, random.Random(seed))
    waits = [backoff.next_delay() for _ in range(40)]
    assert all(min(0.1, maximum) <= wait <= maximum for wait in waits)
    assert waits[-1] == maximum
    backoff.reset()
    assert backoff.next_delay() <= 0.12


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:00:02", 2), ("1.02:03:04", 93784), ("00:00:00.0200000", 0.02), ("00:30", 1800)],
)
def test_time_spans_are_read_as_dotnet_writes_them(text, seconds):
    assert parse_span(text) == seconds


def test_a_scaled_clock_never_turns_hiding_into_none():
    assert Clock(60).visibility(600) == 10
    assert Clock(1000).visibility(30) == 1
    assert Clock(1000).visibility(0) == 0


def test_a_timer_seen_for_the_first_time_waits():
    decision = decide_start(HOURLY, None, NOON + timedelta(minutes=1), run_on_startup=False)
    assert (decision.run_now, decision.status.next) == (False, NOON + timedelta(hours=1))


def test_a_missed_occurrence_is_past_due_once():
    status = TimerStatus(NOON, NOON + timedelta(hours=1), NOON)
    late = NOON + timedelta(hours=5, minutes=1)
    decision = decide_start(HOURLY, status, late, run_on_startup=False)
    assert (decision.run_now, decision.past_due) == (True, True)
    following = after_run(HOURLY, late, late)
    again = decide_start(HOURLY, following, late + timedelta(minutes=1), run_on_startup=False)
    assert (again.run_now, again.past_due) == (False, False)


def test_an_edited_schedule_is_not_past_due():
    status = TimerStatus(NOON, NOON + timedelta(hours=1), NOON)
    decision = decide_start(
        Schedule("0 30 9 * * *"), status, NOON + timedelta(hours=3), run_on_startup=False
    )
    assert (decision.run_now, decision.status.next) == (
        False,
        NOON.replace(hour=9, minute=30) + timedelta(days=1),
    )


def test_run_on_startup_runs_but_not_as_past_due():
    decision = decide_start(HOURLY, None, NOON, run_on_startup=True)
    assert (decision.run_now, decision.past_due) == (True, False)


def test_five_fields_and_time_spans_are_schedules_too():
    assert Schedule("*/5 * * * *").next_after(NOON) == NOON + timedelta(minutes=5)
    assert Schedule("00:00:10").next_after(NOON) == NOON + timedelta(seconds=10)
    assert not Schedule("*/10 * * * * *").is_monitored(NOON)
    with pytest.raises(ValueError, match="neither an NCRONTAB"):
        Schedule("every day")


def test_retry_delays_follow_the_strategy():
    fixed = {
        "strategy": "fixed_delay",
        "max_retry_count": 3,
        "delay_s": 7.0,
        "minimum_s": 0.0,
        "maximum_s": 0.0,
    }
    growing = fixed | {"strategy": "exponential_backoff", "minimum_s": 2.0, "maximum_s": 10.0}
    assert [retry_delay(fixed, n) for n in range(3)] == [7, 7, 7]
    assert [retry_delay(growing, n) for n in range(4)] == [2, 4, 8, 10]


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("api/items/{id:int}", "/api/items/7", {"id": "7"}),
        ("api/items/{id:int}", "/api/items/x", None),
        ("api/items/{id?}", "/api/items", {}),
        ("api/{*rest}", "/api/a/b%2Fc", {"rest": "a/b/c"}),
        ("api/Items", "/api/ITEMS/", {}),
        ("api/{name}", "/api/%C3%BC%0A", {"name": "ü\n"}),
        ("api/a", "/api/a/b", None),
    ],
)
def test_routes_match_as_templates_say(template, path, values):
    assert RouteTemplate(template).match(path) == values


def test_the_more_specific_route_goes_first():
    templates = ["api/{*all}", "api/{name}", "api/{id:int}", "api/me"]
    assert sorted(templates, key=lambda t: RouteTemplate(t).specificity) == templates[::-1]


def test_host_json_is_overridden_by_settings_in_any_case():
    document = {"version": "2.0", "extensions": {"queues": {"batchSize": 4}}}
    settings = {
        "AzureFunctionsJobHost__extensions__Queues__BATCHSIZE": "8",
        "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:00.020",
        "AzureFunctionsJobHost__functionTimeout": "-1",
    }
    options = parse_host_options(apply_overrides(document, settings))
    assert (options.queues.batch_size, options.queues.max_polling_s) == (8, 0.02)
    assert options.function_timeout_s is None


def test_dynamic_concurrency_is_refused():
    with pytest.raises(ValueError, match="not supported"):
        parse_host_options({"concurrency": {"dynamicconcurrencyenabled": True}})


def test_connections_prefer_the_prefixed_name_and_take_queue_uris():
    text = (
        "DefaultEndpointsProtocol=http;AccountName=acc;AccountKey=a2V5;QueueEndpoint=http://x/acc"
    )
    settings = AppSettings({
        "AzureWebJobsStorage": text, "Storage": "other", "Work__queueServiceUri": "http://127.0.0.1:1/acc",
        "Cloud__accountName": "acc",
    })  # fmt: skip
    assert settings.queue_connection("Storage") == text
    assert settings.queue_connection("AzureWebJobsStorage") == text
    assert "AccountKey=a2V5;QueueEndpoint=http://127.0.0.1:1/acc" in settings.queue_connection(
        "Work"
    )
    with pytest.raises(LookupError, match="means the cloud"):
        settings.queue_connection("Cloud")


def test_a_queue_uri_with_a_managed_identity_needs_no_key():
    settings = AppSettings({
        "Work__queueServiceUri": "https://127.0.0.1:1/acc", "Work__credential": "managedidentity",
        "Work__clientId": "c", "Bare__queueServiceUri": "https://127.0.0.1:1/acc",
    })  # fmt: skip
    assert settings.queue_connection("Work") == ByIdentity("https://127.0.0.1:1/acc", "c")
    with pytest.raises(LookupError, match="Bare__credential=managedidentity"):
        settings.queue_connection("Bare")


def test_poison_queues_have_no_poison_queue_of_their_own():
    assert poison_name("work") == "work-poison"
    assert poison_name("work-poison") == poison_name("w" * 60) == ""


def test_an_output_array_is_split_and_an_object_is_not():
    assert output_messages({"kind": "json", "value": '["a", {"b": 1}]'}) == [b"a", b'{"b": 1}']
    assert output_messages({"kind": "string", "value": '["a"]'}) == [b'["a"]']


def test_the_doorbell_rings_for_whole_new_lines_only(tmp_path):
    path = tmp_path / "doorbell"
    path.write_text("old\n")

    async def listen():
        rung = asyncio.Queue()
        task = asyncio.create_task(follow(path, rung.put_nowait))
        await asyncio.sleep(0)
        with path.open("a") as file:
            file.write("plan\nsub")
        first = await rung.get()
        with path.open("a") as file:
            file.write("mit\n")
        second = await rung.get()
        task.cancel()
        return first, second

    assert asyncio.run(listen()) == ("plan", "submit")


def test_awkward_faults_are_repeatable_and_benign_ones_absent():
    def draws(seed):
        faults = Faults(random.Random(seed))
        return [faults.loses_delete() for _ in range(100)], faults.shuffled(list(range(20)))

    assert draws(1) == draws(1) != draws(2)
    assert any(draws(1)[0])
    assert not any(Faults().loses_delete() for _ in range(100))
