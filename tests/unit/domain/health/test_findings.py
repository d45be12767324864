"""Every finding of the doctor, with the reading that causes it."""

from datetime import UTC, date, datetime, timedelta

import pytest

from pipeline.domain.health import azure as health_azure
from pipeline.domain.health import findings as health
from pipeline.domain.health import lifetimes
from pipeline.domain.health.azure import PROVIDERS
from pipeline.domain.health.findings import Deployment, Level, QueueReading
from tests.fakes.definitions import written

AZURE = Deployment("s", "rg-x", "bax", "stx", "func-x", "westeurope")
LOCAL = Deployment()
NOW = datetime(2026, 11, 25, tzinfo=UTC)


def a_pool(**changes):
    pool = written(()).catalogue.pools["cpu"]
    return pool.model_copy(update=changes)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_names_the_role_its_delay_and_the_firewall(status):
    found = health.refusal("role: queues", status, "send to announce: 403", AZURE)
    assert found.level is Level.FAULT
    assert "role" in found.why and "minutes to work" in found.why and "firewall" in found.why
    assert "rg-x" in found.mend


def test_no_answer_is_unreachable_and_another_answer_a_fault():
    assert health.refusal("blob", None, "no answer", AZURE).level is Level.UNREACHABLE
    assert health.refusal("blob", 500, "500", AZURE).level is Level.FAULT


def test_a_user_without_a_login_is_asked_to_log_in():
    said = "list queues: no token (CredentialUnavailableError): log in"
    assert health.refusal("storage", 0, said, AZURE).mend == "az login"


def test_what_is_missing_is_named_with_what_makes_it():
    found = health.missing("queues", ["plan", "submit"], ["plan"], "azd provision")
    assert (found.level, found.what, found.mend) == (
        Level.FAULT, "missing: submit", "azd provision",
    )  # fmt: skip
    assert health.missing("queues", ["plan"], ["plan", "x"], "").level is Level.OK


@pytest.mark.parametrize(
    ("seconds", "level"),
    [(0, Level.OK), (-4, Level.OK), (-60, Level.NOTE), (60, Level.NOTE), (301, Level.FAULT)],
)
def test_a_wrong_clock_is_judged_by_its_difference(seconds, level):
    assert health.clock(timedelta(seconds=seconds)).level is level


def test_poison_and_old_messages_are_findings():
    readings = [
        QueueReading("work-poison", 3),
        QueueReading("plan", 9, timedelta(minutes=20)),
        QueueReading("submit", 2, timedelta(seconds=2)),
    ]
    poison, old = health.queues(readings, AZURE)
    assert "az storage message peek -q work-poison" in poison.mend
    assert "oldest 20 minutes" in old.what and "functionapp restart" in old.mend
    assert health.queues(readings[2:], AZURE)[0].level is Level.OK


def test_dead_letters_are_reported():
    assert health.dead_letters(0, False, AZURE).level is Level.OK
    assert "firewall" in health.dead_letters(2, False, AZURE).why


def test_a_provider_that_is_not_registered_is_reported():
    found = health_azure.providers([name.lower() for name in PROVIDERS if "Batch" not in name])
    assert found.mend == "az provider register -n Microsoft.Batch"


@pytest.mark.parametrize(
    ("agent", "today", "level"),
    [
        ("batch.node.ubuntu 24.04", date(2026, 11, 25), Level.OK),
        ("batch.node.ubuntu 22.04", date(2026, 1, 1), Level.OK),
        ("batch.node.ubuntu 22.04", date(2026, 11, 25), Level.NOTE),
        ("batch.node.ubuntu 22.04", date(2027, 6, 30), Level.FAULT),
    ],
)
def test_the_end_of_support_of_an_image_is_reported_a_year_before(agent, today, level):
    pool = a_pool(image=a_pool().image.model_copy(update={"agent": agent}))
    assert lifetimes.image(pool, today, AZURE).level is level


@pytest.mark.parametrize(
    ("size", "end"),
    [
        ("Standard_NV12_Promo", "2023-09-06"), ("STANDARD_NC6s_v3", "2025-09-30"),
        ("Standard_D2", "2028-05-01"), ("Standard_D2_v2", "2028-05-01"),
        ("Standard_DS13-4_v2", "2028-05-01"), ("Standard_L4s", "2028-05-01"),
        ("Standard_F8s", "2028-11-15"), ("Standard_F8s_v2", "2028-11-15"),
        ("Standard_L8s_v2", "2028-11-15"), ("Standard_GS5-16", "2028-11-15"),
        ("Standard_A4m_v2", "2028-11-15"), ("Standard_B2ms", "2028-11-15"),
    ],
)  # fmt: skip
def test_the_end_of_a_series_is_reported(size, end):
    pool = a_pool(size=size)
    before = date.fromisoformat(end) - timedelta(days=366)
    assert lifetimes.size(pool, before, AZURE).level is Level.OK
    assert lifetimes.size(pool, before + timedelta(days=2), AZURE).level is Level.NOTE
    gone = lifetimes.size(pool, date.fromisoformat(end), AZURE)
    assert (gone.level, end in gone.what) == (Level.FAULT, True)


@pytest.mark.parametrize(
    "size", ["D2s_v5", "D2_v3", "DS2_v3", "B2s_v2", "L8s_v3", "NC4as_T4_v3", "NV6ads_A10_v5"]
)
def test_a_series_without_an_announced_end_is_fine(size):
    far = date(2035, 1, 1)
    assert lifetimes.size(a_pool(size=f"Standard_{size}"), far, AZURE).level is Level.OK


@pytest.mark.parametrize("time", ["2026-11-24T00:00:00Z", "nonsense", None, "2026-11-24T00:00:00"])
def test_an_event_that_waits_too_long_or_says_nothing_is_overdue(time):
    assert health.overdue({"time": time}, NOW, timedelta(minutes=12))
    assert not health.overdue({"time": NOW.isoformat()}, NOW, timedelta(minutes=12))
