"""Addresses, keys, tokens and the local stack: who the client says it is, and to whom."""

import json
import time
from typing import NamedTuple

import httpx
import pytest
from fanfare import AsyncFanfare, Fanfare, Refused, Unreachable

from tests.client.conftest import client_of
from tests.client.site import APP, KEY

SCOPE = "api://c-1/.default"


class Issued(NamedTuple):
    token: str
    expires_on: int


class Login:
    """A credential as those of azure-identity; counts how often it is asked."""

    def __init__(self, lasts=3600):
        self.asked, self._lasts = [], lasts

    def get_token(self, *scopes):
        self.asked.append(scopes)
        return Issued(f"t-{len(self.asked)}", int(time.time()) + self._lasts)


class AsyncLogin(Login):
    async def get_token(self, *scopes):
        return super().get_token(*scopes)


def sees(site):
    """Let the app answer an empty list; return the headers that came."""
    site.once(lambda _: httpx.Response(200, json={"runs": []}))
    return site.asked


@pytest.mark.parametrize(
    ("kind", "login"), [("sync", Login), ("async", Login), ("async", AsyncLogin)]
)
def test_a_token_is_sent_and_kept_until_shortly_before_it_expires(kind, site, login):
    credential = login()
    client = client_of(kind, site, credential=credential, scope=SCOPE)
    for _ in range(2):
        asked = sees(site)
        client.runs()
    assert [r.headers["authorization"] for r in asked] == ["Bearer t-1", "Bearer t-1"]
    assert credential.asked == [(SCOPE,)]


def test_a_token_that_soon_expires_is_not_kept(kind, site):
    credential = Login(lasts=60)
    client = client_of(kind, site, credential=credential, scope=SCOPE)
    for _ in range(2):
        asked = sees(site)
        client.runs()
    assert asked[-1].headers["authorization"] == "Bearer t-2"


@pytest.mark.parametrize("made", [Fanfare, AsyncFanfare])
@pytest.mark.parametrize(
    ("url", "given", "why"),
    [
        ("app.example.org", {"key": "k"}, "not the address"),
        ("ftp://app.example.org", {"key": "k"}, "not the address"),
        (f"{APP}?code=k", {"key": "k"}, "not the address"),
        ("http://app.example.org", {"key": "k"}, "not encrypted"),
        (APP, {}, "either `key`"),
        (APP, {"key": "k", "credential": Login(), "scope": SCOPE}, "either `key`"),
        (APP, {"credential": Login()}, "needs `scope`"),
    ],
)
def test_what_cannot_be_right_is_refused_at_once(made, url, given, why):
    with pytest.raises(Refused, match=why):
        made(url, **given)


@pytest.fixture
def project(tmp_path):
    data = tmp_path / "project/.fanfare"
    (data / "functions").mkdir(parents=True)
    (tmp_path / "project/pipelines/deep").mkdir(parents=True)
    endpoint = {"functions": {"endpoint": "http://127.0.0.1:7071"}}
    (data / "stack.json").write_text(json.dumps({"endpoints": endpoint}))
    (data / "functions/keys.json").write_text(json.dumps({"host": {"default": KEY}}))
    storage = "AccountName=a;AccountKey=b\\$=;QueueEndpoint=http://127.0.0.1:9/a;"
    (data / "app.env").write_text(f'A="1"\nAzureWebJobsStorage="{storage}"\n')
    return tmp_path / "project"


@pytest.mark.parametrize("below", ["", "pipelines/deep", ".fanfare"])
def test_the_local_stack_is_found_from_the_project_and_from_inside(project, below):
    for made in (Fanfare, AsyncFanfare):
        client = made.local(project / below)
        access = client._access
        assert (access.app.url, access.app.key) == ("http://127.0.0.1:7071", KEY)
        assert (access.known_queue.url, access.known_queue.key) == (
            "http://127.0.0.1:9/a/completions",
            "b$=",
        )


def test_a_stack_that_is_not_up_says_how_to_start_it(tmp_path):
    with pytest.raises(Unreachable, match="fanfare up") as error:
        Fanfare.local(tmp_path)
    assert error.value.retry


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("stack.json", "{"),
        ("stack.json", "[]"),
        ("stack.json", '{"endpoints": {"functions": {"endpoint": "http://example.org"}}}'),
        ("stack.json", '{"endpoints": {"functions": {"endpoint": 7}}}'),
        ("functions/keys.json", "{}"),
        ("app.env", ""),
    ],
)
def test_damaged_files_of_a_stack_send_the_key_nowhere(project, file, text):
    (project / ".fanfare" / file).write_text(text)
    with pytest.raises(Unreachable, match=r"fanfare up|cannot be read"):
        Fanfare.local(project)


def test_nobody_answers_where_no_app_is(kind, site):
    def refuses(_):
        raise httpx.ConnectError("connection refused")

    for _ in range(4):
        site.once(refuses)
    with pytest.raises(Unreachable, match=r"no answer \(connection refused\)") as error:
        client_of(kind, site).runs()
    assert (error.value.retry, len(site.asked)) == (True, 4)
