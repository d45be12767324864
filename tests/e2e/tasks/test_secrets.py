"""Secrets of a program, through the whole stack: nothing but the program shows them."""

import base64
import contextlib
import hashlib
import json
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.domain.pools.formula import Demand
from pipeline.domain.runs.naming import CONTAINERS
from pipeline.ledger import pools
from tests import images
from tests.e2e.local import Stack

TOKEN, KEY = (
    "tok-5f2c9a7be1d04c66",
    "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n-----END KEY-----\n",
)
VALUES = (TOKEN, "MIIEvQIBADANBgkqhkiG", base64.b64encode(TOKEN.encode()).decode()[:-4])


@pytest.fixture
def vault(stack: Stack) -> Path:
    path = stack.definitions / "secrets.local.yaml"
    path.write_text(json.dumps({"my-vault/token": TOKEN, "my-vault/key": KEY}))
    return path


@pytest.mark.parametrize("pipeline", ["secretive", "boxed-secretive"])
def test_a_program_has_its_secrets_and_nothing_shows_them(stack: Stack, vault: Path, pipeline):
    if pipeline.startswith("boxed"):
        images.python_image()
    keep_nodes(stack)
    run, event = stack.succeeded(stack.upload(f"{pipeline}/a.txt", b"x", pipeline))
    token, key = (hashlib.sha256(value.encode()).hexdigest() for value in (TOKEN, KEY))
    assert stack.output(run) == {"all.txt": f"{token} {key} 600\n".encode()}
    (missing,) = event["data"]["missing"]
    assert "ValueError: {'token': '[secret TOKEN]'}" in missing["tail"]
    told = [
        run.model_dump_json(),
        json.dumps(event),
        *blobs(stack, run.id),
        *files_of_services(stack),
    ]
    assert [value for value in VALUES for text in told if value in text] == []
    assert any("[secret KEY]" in text for text in told)


def test_a_secret_that_is_missing_ends_the_run_and_its_event_names_it(stack: Stack, vault: Path):
    vault.unlink()
    run, event = stack.finished(stack.upload("secretive/b.txt", b"x", "secretive"))
    assert (run.state, run.cause) == ("failed", "secret-missing")
    assert "secrets.local.yaml has no secret my-vault/key: add a line" in event["data"]["error"]


def keep_nodes(stack: Stack) -> None:
    """Let pools keep their nodes, and the folders of tasks, for as long as the test takes."""
    until = stack.engine.now + timedelta(minutes=3)
    for pool in ("cpu", "containers"):
        pools.want(stack.engine.ports.tables, pool, Demand("the-test-of-secrets", 1, until))


def blobs(stack: Stack, run: str) -> list[str]:
    """Read all blobs that are left of a run, whatever container they are in."""
    read, listed = stack.engine.ports.blobs.read, stack.engine.ports.blobs.list
    found = [facts for container in CONTAINERS for facts in listed(container, "")]
    found = [facts for facts in found if run in facts.ref.name]
    return [f"{facts.ref.name}\n{read(facts.ref).decode(errors='replace')}" for facts in found]


def files_of_services(stack: Stack) -> list[str]:
    """Read what services and nodes keep: states, logs, folders of tasks; not Storage's own.

    The nodes are still there, since the pools were told to keep them.
    """
    texts, seen = [], set()
    for path in stack.local.data.rglob("*"):
        if "__blobstorage__" in path.parts:
            continue
        with contextlib.suppress(OSError):  # a folder, or its node has gone meanwhile
            texts.append(path.read_bytes().decode(errors="replace"))
            seen |= set(path.parts)
    assert {"nodes", "workitems"} <= seen
    return texts
