"""The HTTP functions in the real host, when callers have Entra tokens instead of function keys."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jwt
import pytest

from pipeline.cli.doors.address import Address
from pipeline.cli.doors.calls import Calls, Refused
from pipeline.cli.doors.door import Wanted
from pipeline.cli.doors.remote import RemoteDoor
from pipeline.domain.runs.naming import BlobRef
from tests.e2e.http_client import host_key, send
from tests.e2e.local import Stack
from tests.fakes.identity import tenant
from tests.fakes.identity.tenant import CLIENT, FOREIGN, TENANT, claims, part, signed
from tests.patience import until

ROUTES = [
    ("POST", "/api/runs"),
    ("GET", "/api/runs"),
    ("GET", "/api/runs/x"),
    ("POST", "/api/runs/x/cancel"),
    ("POST", "/api/runs/x/redrive"),
    ("GET", "/api/runs/x/standing"),
    ("GET", "/api/runs/x/logs"),
    ("GET", "/api/runs/x/outputs"),
    ("POST", "/api/uploads"),
]


class Guarded(NamedTuple):
    stack: Stack
    authority: str

    def ask(self, token, method="GET", path="/api/runs", body=None):
        body = {} if method == "POST" and body is None else body
        return send(self.stack, method, path, body, {"Authorization": f"Bearer {token}"})

    def token(self, *roles, **other):
        return signed(claims(self.authority, *roles, **other))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory) -> Iterator[Guarded]:
    with tenant.serving() as authority:
        folder: Path = tmp_path_factory.mktemp("tokens")
        settings = {
            "FANFARE_HTTP_TENANT_ID": TENANT,
            "FANFARE_HTTP_CLIENT_ID": CLIENT,
            "FANFARE_HTTP_AUTHORITY": authority,
        }
        stack = Stack(folder, "benign", extra_settings=settings)
        try:
            stack.start()
            yield Guarded(stack, authority)
        finally:
            stack.stop()


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_route_is_served_without_a_token_not_even_with_the_function_key(guarded, method, path):
    body = {} if method == "POST" else None
    key = {"x-functions-key": host_key(guarded.stack)}
    status, answer = send(guarded.stack, method, path, body, key)
    assert status == 401
    assert "Entra token" in answer["error"]


def bad_tokens(guarded):
    good = claims(guarded.authority, "Operator")
    header, _, signature = signed(good).split(".")
    return {
        "expired": guarded.token("Operator", exp=1),
        "not good yet": guarded.token("Operator", nbf=9_999_999_999),
        "wrong audience": guarded.token("Operator", aud="https://storage.azure.com"),
        "wrong tenant": guarded.token("Operator", iss=f"{guarded.authority}/another/v2.0"),
        "another's key": signed(good, FOREIGN),
        "alg none": jwt.encode(good, None, algorithm="none", headers={"kid": "k1"}),
        "tampered": f"{header}.{part({**good, 'roles': ['Operator', 'x']})}.{signature}",
        "no token": "abc",
    }


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_an_invalid_token_opens_no_route(guarded, method, path):
    bad = bad_tokens(guarded)
    statuses = {what: guarded.ask(token, method, path)[0] for what, token in bad.items()}
    assert statuses == dict.fromkeys(bad, 401)


@pytest.mark.parametrize("roles", [["Reader"], []])
def test_a_reader_gets_no_data(guarded, roles):
    for path in ("/api/runs/x/outputs", "/api/runs/x/logs"):
        status, answer = guarded.ask(guarded.token(*roles), path=path)
        assert (status, "app role Operator" in answer["error"]) == (403, True)


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if route[0] == "POST"])
@pytest.mark.parametrize("roles", [["Reader"], []])
def test_a_reader_changes_nothing_and_gets_the_name_of_the_role(guarded, method, path, roles):
    status, answer = guarded.ask(guarded.token(*roles), method, path)
    assert status == 403
    assert "app role Operator" in answer["error"]


def test_an_operator_starts_a_run_that_a_reader_follows_to_its_end(guarded):
    guarded.stack.engine.ports.writer.write(BlobRef("input", "http/short.txt"), b"ok a\nok b\n")
    body = {"pipeline": "acts", "input": {"container": "input", "name": "http/short.txt"}}
    token = guarded.token("Operator", oid="o-1", scp="access", preferred_username="ann@x.org")
    status, run = guarded.ask(token, "POST", "/api/runs", body)
    assert status == 202
    assert run["by"] == {"kind": "user", "name": "ann@x.org", "id": "o-1"}

    def ended():
        shown = guarded.ask(guarded.token("Reader"), path=f"/api/runs/{run['id']}")[1]
        return shown if shown["state"] in ("succeeded", "failed") else None

    assert until(ended, 90, "the end of the run")["state"] == "succeeded"


def test_the_command_line_speaks_with_a_token(guarded, tmp_path):
    endpoint = guarded.stack.local.description()["endpoints"]["functions"]["endpoint"]

    def door(*roles):
        head = {"authorization": f"Bearer {guarded.token(*roles, oid='o-2')}"}
        return RemoteDoor(Calls(Address(endpoint, client=CLIENT), lambda: head))

    file = tmp_path / "short.txt"
    file.write_bytes(b"ok c\nok d\n")
    run = door("Operator").start(Wanted("acts", {}, file), lambda _: None)
    reader = door("Reader")
    until(lambda: reader.find(run).over, 90, "the end of the run")
    where = reader.standing(run)
    assert (where.run.state, where.done, where.run.by.id) == ("succeeded", 2, "o-2")
    assert reader.manifest(where.run) is None
    for refused in (lambda: reader.cancel(run), lambda: list(reader.logs(where.run, ""))):
        with pytest.raises(Refused, match="app role Operator"):
            refused()
    output = door("Operator").outputs(where.run)
    assert b"".join(output.stream("done.txt", 0)) == b"ok c\nok d\n"


def test_no_token_is_written_to_any_log(guarded):
    secret = guarded.token("Reader")
    assert guarded.ask(secret)[0] == 200
    assert guarded.ask(secret + "x")[0] == 401
    signature = secret.rpartition(".")[2].encode()
    logs = [path for path in guarded.stack.local.data.rglob("*.log") if path.is_file()]
    assert logs
    assert not [path for path in logs if signature in path.read_bytes()]
