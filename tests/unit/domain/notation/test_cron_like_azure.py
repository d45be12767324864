"""Users' schedules against the recordings of Azure's: they agree, or differ for a reason.

Expressions mean the same or are refused; any white space separates their fields. Around clock
changes some schedules fire otherwise, and docs/pipelines.md says how.
"""

from itertools import takewhile

import pytest

from pipeline.domain.definitions.ticks import due_ticks
from pipeline.domain.definitions.trigger import Catchup, ScheduleTrigger
from pipeline.domain.notation.cron import parse_cron
from tests.emulators.functions.golden.cases import load
from tests.emulators.functions.golden.moments import utc

EARLIEST, LATEST = "0002", "9998"  # a day beyond these Python's calendar ends
REFUSED = {
    "a name of one or two letters": (
        "cron-052", "cron-058", "cron-061", "cron-079", "cron-080", "cron-087", "cron-088",
        "cron-089", "cron-405",
    ),
    "a step that Azure reads as 1": (
        "cron-158", "cron-159", "cron-160", "cron-161", "cron-162",
    ),
    "a step with a sign": ("cron-163",),
    "a backward range, which Azure reverses": (
        "cron-071", *(f"cron-{number}" for number in range(196, 209)),
    ),
    "a day that never comes": (
        "cron-025", "cron-516", "cron-517", "cron-518", "cron-521", "cron-522", "cron-523",
        "cron-524", "cron-525", "cron-527",
    ),
}  # fmt: skip
# Azure loses all skipped times but the first, and we fire them.
FIRED_HERE_ALONE = {
    "dst-006": ["2026-03-29T01:45"],
    "dst-011": ["2026-03-29T01:30:30"],
    "dst-041": ["2026-03-08T07:30:30"],
}
# Azure repeats schedules that name their hours, and once fires on the next day, and we do not.
FIRED_IN_AZURE_ALONE = {
    "dst-021": ["2026-10-25T23:15"],
    "dst-022": ["2026-10-25T01:00", "2026-10-25T01:30"],
    "dst-024": ["2026-10-25T01:00"],
    "dst-025": ["2026-10-25T01:00"],
    "dst-051": ["2026-11-01T06:15", "2026-11-01T06:45"],
    "dst-054": ["2026-11-01T06:00"],
    "dst-055": ["2026-11-01T06:00"],
    "dst-081": ["2026-04-04T15:15"],
}


def is_span(case):
    return case["then"].get("taken_as") == "timespan" or ":" in case["given"]["expression"]


def cases(name, beginning):
    return [case for case in load(name) if case["id"].startswith(beginning)]


def schedule(case):
    zone = case["given"].get("zone", "UTC")
    return ScheduleTrigger(cron=case["given"]["expression"], time_zone=zone, catchup=Catchup.ALL)


@pytest.mark.parametrize("case", cases("ncrontab", "cron-"), ids=lambda case: case["id"])
def test_an_expression_means_what_it_means_in_azure_or_is_refused(case):
    given, then = case["given"], case["then"]
    if given["group"] == "whitespace" and then["taken_as"] == "rejected":
        spaced = " ".join(given["expression"].split())
        assert parse_cron(given["expression"]) == parse_cron(spaced)
        return
    if then["taken_as"] == "rejected" or is_span(case) or case["id"] in sum(REFUSED.values(), ()):
        with pytest.raises(ValueError):
            schedule(case)
        return
    read = schedule(case)
    following = [utc(text) for text in takewhile(lambda text: isinstance(text, str), then["next"])]
    if EARLIEST < given["base"] < LATEST and following:
        assert due_ticks(read, utc(given["base"]), following[-1]) == following


@pytest.mark.parametrize("case", cases("timers", "dst-"), ids=lambda case: case["id"])
def test_a_clock_change_has_the_effect_of_azure_but_for_two_decisions(case):
    if is_span(case):
        with pytest.raises(ValueError):
            schedule(case)
        return
    azure = [utc(fire["utc"]) for fire in case["then"]["fires_5.1"]]
    ours = due_ticks(schedule(case), utc(case["given"]["start_utc"]), azure[-1])
    alone = [utc(text) for text in FIRED_HERE_ALONE.get(case["id"], ())]
    assert sorted(set(ours) - set(azure)) == alone
    missing = [utc(text) for text in FIRED_IN_AZURE_ALONE.get(case["id"], ())]
    assert sorted(set(azure) - set(ours)) == missing
