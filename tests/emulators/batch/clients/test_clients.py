"""Clients of other makers tell one story, and it ends equally for all of them."""

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.emulators.batch.clients.story import told
from tests.emulators.batch.running import ACCOUNT, KEY, Emulator
from tests.emulators.certificate import certificate

WRONG_KEY = base64.b64encode(b"some other key").decode()
TASKS = [f"task-{n}" for n in range(25)]


@pytest.fixture(scope="module", params=["azure_batch.mjs", "core_client.mjs", "azure_batch_14.py"])
def seen(request: pytest.FixtureRequest, emulator: Emulator) -> dict[str, Any]:
    return told(request.param, emulator.endpoint, ACCOUNT, KEY, WRONG_KEY)


def test_a_pool_is_found_as_it_was_made(seen: dict[str, Any]) -> None:
    assert seen["exists"] == [True, False]
    assert seen["pool"] == ["pool", "active", "standard_d2s_v5", 4, 1]


@pytest.mark.parametrize(
    ("what", "status", "code", "message"),
    [
        ("job_exists", 409, "JobExists", "The specified job already exists."),
        ("unknown_job", 404, "JobNotFound", "The specified job does not exist."),
        ("succeeded", 409, "TaskSucceeded", "The specified task succeeded."),
        ("wrong_tag", 412, "ConditionNotMet", "The condition specified using HTTP conditional"),
        ("wrong_key", 403, "AuthenticationFailed", "Server failed to authenticate the request."),
    ],
)
def test_a_refusal_has_the_codes_and_words_of_the_service(
    seen: dict[str, Any], what: str, status: int, code: str, message: str
) -> None:
    assert (seen[what]["status"], seen[what]["code"]) == (status, code)
    assert seen[what]["message"].startswith(message)


def test_a_bad_property_is_named(seen: dict[str, Any]) -> None:
    refused = seen["bad_property"]
    assert (refused["status"], refused["code"]) == (400, "InvalidPropertyValue")
    assert refused["values"]["PropertyName"] == "priority"
    assert refused["values"]["PropertyValue"] == "5000"


def test_each_task_of_a_collection_has_its_own_result(seen: dict[str, Any]) -> None:
    accepted = [[task, "success", None] for task in TASKS]
    assert seen["added"] == [*accepted, ["single", "clienterror", "TaskExists"]]


def test_a_filtered_list_comes_in_pages_with_the_selected_property_alone(
    seen: dict[str, Any],
) -> None:
    assert seen["pages"] == [10, 10, 5]
    assert seen["listed"] == [[task, None] for task in TASKS]


def test_tasks_run_and_are_counted(seen: dict[str, Any]) -> None:
    assert seen["counts"] == [0, 0, 26, 0]
    assert seen["task"] == ["completed", 0, "success"]


def test_files_of_tasks_and_nodes_are_read_whole_or_in_part(seen: dict[str, Any]) -> None:
    assert (seen["stdout"], seen["range"]) == ("hello from single\n", "hello")
    assert (seen["node_file"], seen["size"]) == ("hello from single\n", 18)
    assert seen["files"] == ["stdout.txt", "stderr.txt", "wd"]
    assert seen["unknown_file"] == 404


def test_a_formula_is_evaluated_once_autoscale_is_on(seen: dict[str, Any]) -> None:
    assert seen["no_autoscale"] == 409
    assert seen["formula"].startswith("$TargetDedicatedNodes=3;")


def test_what_is_changed_ended_and_deleted_is_so(seen: dict[str, Any]) -> None:
    assert (seen["priority"], seen["reason"]) == (7, "enough")
    assert seen["deleted_task"] == "TaskNotFound"
    assert seen["gone"] == ["JobNotFound", "PoolNotFound"]


@pytest.fixture(scope="module")
def by_token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Emulator, Path]]:
    folder = tmp_path_factory.mktemp("by-token")
    cert, key_file = certificate(folder)
    flags = ("--authentication-modes", "AAD", "--cert", str(cert), "--key-file", str(key_file))
    emulator = Emulator(folder / "data", "--entra-unverified", *flags)
    yield emulator, cert
    assert emulator.stop() == 0


@pytest.mark.parametrize(
    ("audience", "answer"),
    [
        ("https://batch.core.windows.net/", []),
        ("https://vault.azure.net/", "AuthenticationFailed"),
    ],
)
def test_javascript_clients_are_let_in_by_token_over_https(
    by_token: tuple[Emulator, Path], audience: str, answer: object
) -> None:
    emulator, cert = by_token
    now = int(time.time())
    claims = {"aud": audience, "iss": "anyone", "nbf": now, "exp": now + 3600}
    token = jwt.encode(claims, "x" * 32, algorithm="HS256")
    said = told("tokens.mjs", emulator.endpoint, token, NODE_EXTRA_CA_CERTS=str(cert))
    assert (said["core_client"], said["azure_batch"]) == (answer, answer)
    assert "https://batch.core.windows.net//.default" in said["scopes"]
