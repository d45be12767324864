"""A web page, or another user of this machine, changes and reads nothing of the Batch emulator."""

import json

import pytest

from tests.emulators.attacks import FOREIGN, PREFLIGHT, ask
from tests.emulators.batch.raw import send
from tests.emulators.batch.running import KEY, Emulator

JSON = {"Content-Type": "application/json"}
RULE = {"operation": "create_pool", "status": 503}
# Each would change the account or tell of it, if its sender were allowed to.
CHANGES = {
    "faults": ("POST", "/_admin/faults", RULE),
    "reset": ("POST", "/_admin/reset", None),
    "tick": ("POST", "/_admin/tick", {"count": 1}),
    "clock": ("POST", "/_admin/clock", {"seconds": 99}),
    "preempt": ("POST", "/_admin/nodes/kept/none/preempt", None),
    "no faults": ("DELETE", "/_admin/faults", None),
}
READS = {
    "state": ("GET", "/_admin/state", None),
    "rules": ("GET", "/_admin/faults", None),
    "page": ("GET", "/_admin/page/state", None),
    "tail": ("GET", "/_admin/page/tail?job=a&task=b&file=stdout.txt", None),
    "why": ("GET", "/_admin/why/a/b", None),
}


@pytest.fixture(scope="module")
def kept(emulator: Emulator) -> Emulator:
    emulator.add_pool("kept", nodes=0)
    emulator.admin("DELETE", "/_admin/faults")
    return emulator


def unchanged(emulator: Emulator) -> bool:
    return [pool.id for pool in emulator.client.list_pools()] == ["kept"] and not emulator.admin(
        "GET", "/_admin/faults"
    )


@pytest.mark.parametrize("attack", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("wish", [*CHANGES.values(), *READS.values()], ids=[*CHANGES, *READS])
def test_a_request_for_another_site_is_refused_although_it_has_the_key(
    kept: Emulator, wish: tuple, attack: tuple
) -> None:
    headers, status, header = attack
    found = ask(kept.endpoint, *wish, **JSON, **{"x-batch-key": KEY}, **headers)
    assert found.refuses(status, header), found
    assert unchanged(kept)


@pytest.mark.parametrize("wish", [*CHANGES.values(), *READS.values()], ids=[*CHANGES, *READS])
@pytest.mark.parametrize("key", [{}, {"x-batch-key": "d3Jvbmc="}, {"x-batch-key": "\xff"}])
def test_control_and_the_data_of_the_page_need_the_key(
    kept: Emulator, wish: tuple, key: dict[str, str]
) -> None:
    assert ask(kept.endpoint, *wish, **JSON, **key).refuses(401, "x-batch-key")
    assert unchanged(kept)


def test_an_escaped_path_is_the_same_door(kept: Emulator) -> None:
    for path in ("/%5Fadmin/reset", "/_admin//../_admin/reset", "//_admin/reset"):
        assert ask(kept.endpoint, "POST", path).status in (400, 401, 403, 404)
    assert unchanged(kept)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_that_is_not_declared_as_json_is_refused(kept: Emulator, kind: str) -> None:
    own = {"x-batch-key": KEY, **({"Content-Type": kind} if kind else {})}
    assert ask(kept.endpoint, "POST", "/_admin/faults", RULE, **own).refuses(415, "Content-Type")
    signed = send(kept, "POST", "/pools", {"id": "more"}, headers={"Content-Type": kind or "x/y"})
    assert signed.status_code == 415
    assert "header Content-Type " in signed.json()["message"]["value"]
    assert unchanged(kept)


def test_a_compressed_body_is_refused_before_anything_unpacks_it(kept: Emulator) -> None:
    packed = {"Content-Encoding": "gzip"}
    found = ask(kept.endpoint, "POST", "/_admin/faults", b"x", **JSON, **packed, x_batch_key=KEY)
    assert found.refuses(415, "Content-Encoding")


@pytest.mark.parametrize("path", ["/", "/pools", "/_admin/faults", "/health"])
def test_a_preflight_is_granted_nothing(kept: Emulator, path: str) -> None:
    assert ask(kept.endpoint, "OPTIONS", path, **PREFLIGHT).refuses(403, "Origin")


@pytest.mark.parametrize("attack", FOREIGN.values(), ids=FOREIGN)
def test_even_a_signed_operation_is_refused_for_another_site(kept: Emulator, attack: tuple) -> None:
    headers, status, header = attack
    found = send(kept, "POST", "/pools", {"id": "more"}, headers=headers)
    assert found.status_code == status
    assert f"header {header} " in found.json()["message"]["value"]
    assert unchanged(kept)


def test_the_page_itself_shows_nothing_and_its_own_requests_pass(kept: Emulator) -> None:
    page = ask(kept.endpoint, "GET", "/", Sec_Fetch_Site="none")
    assert page.status == 200
    assert "kept" not in page.text
    own = {"Origin": kept.endpoint, "Sec-Fetch-Site": "same-origin", "x-batch-key": KEY}
    found = ask(kept.endpoint, "GET", "/_admin/page/state", **own)
    assert "kept" in json.loads(found.text)["pools"][0]["id"]
