"""The Python client on a running stack: its README's programs, both clients, and events."""

import asyncio
import contextlib
import hashlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fanfare import AsyncFanfare, Conflict, Fanfare, NotFound, Refused

from tests.e2e.local import ROOT
from tests.patience import stretched

README = (ROOT / "client/README.md").read_text("utf-8")
PROGRAMS = [
    code for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if ".local(" in code
]
POEM = b"roses are red\nviolets are blue\n"
pytestmark = pytest.mark.timeout(200)


@pytest.fixture(scope="module")
def app(project: Path) -> Iterator[Fanfare]:
    with Fanfare.local(project) as client:
        yield client


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_the_programs_of_the_readme_run(project: Path, number: int):
    said = io.StringIO()
    code = PROGRAMS[number].replace("timeout_s=120", f"timeout_s={stretched(120)}")
    with contextlib.chdir(project), contextlib.redirect_stdout(said):
        exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})
    told = (("succeeded", "ROSES ARE RED\nVIOLETS ARE BLUE\n"), ("ONE", "TWO"), ("succeeded",))
    assert not [word for word in told[number] if word not in said.getvalue()]


def test_a_run_is_started_once_fetched_and_announced(app: Fanfare, tmp_path: Path):
    run = app.start("shout", POEM, key="order 7", name="poem ü.txt")
    assert app.start("shout", POEM, key="order 7", name="poem ü.txt").id == run.id
    done = app.wait(run, stretched(90))
    assert (done.ok, done.succeeded) == (True, 2)
    outputs = app.outputs(done)
    (path,) = app.download(outputs, tmp_path)
    assert path.read_bytes() == POEM.upper() == app.read(outputs["loud.txt"])
    assert hashlib.sha256(POEM.upper()).hexdigest() == outputs["loud.txt"].sha256
    heard = next(one for one in app.events(stretched(60)) if one.run == run.id)
    assert (heard.ok, heard.data["items"]["succeeded"]) == (True, 2)


def test_a_large_file_is_uploaded_by_both_clients(app: Fanfare, project: Path, tmp_path: Path):
    big = tmp_path / "big.txt"
    big.write_bytes(b"x" * 9_000_000 + b"\n")
    first = app.start("shout", big, key="big")
    assert first.raw["input"]["size"] == 9_000_001
    app.cancel(first)

    async def again():
        async with AsyncFanfare.local(project) as other:
            # What the first client uploaded would not be uploaded again.
            larger = tmp_path / "larger.txt"
            larger.write_bytes(b"y" * 9_000_001 + b"\n")
            second = await other.start("shout", larger, key="larger")
            await other.cancel(second)
            return second, await other.start("shout", big, key="big")

    second, found = asyncio.run(again())
    assert (second.id == first.id, second.raw["input"]["size"]) == (False, 9_000_002)
    assert found.id == first.id


def test_refusals_are_typed(app: Fanfare):
    with pytest.raises(NotFound, match="did you mean 'shout'"):
        app.start("shuot")
    with pytest.raises(Refused, match="does not accept requests"):
        app.start("word-count", POEM)
    with pytest.raises(NotFound):
        app.outputs("shout-" + "0" * 20)
    with Fanfare(app._access.app.url, key="wrong") as stranger, pytest.raises(Refused) as error:
        stranger.runs()
    assert error.value.status == 401


def test_a_run_is_cancelled_and_redriven_over_http(app: Fanfare):
    run = app.start("acts", b"sleep 25\n" * 4)
    assert app.cancel(run).state in ("cancelling", "cancelled")
    assert app.wait(run, stretched(60)).state == "cancelled"
    with pytest.raises(Conflict):
        app.outputs(run)
    assert app.redrive(run).generation == 2
    app.cancel(run)
