"""The programs and commands of `docs/subscribing.md`, on the local stack."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.domain.runs.announcement import completion_event
from pipeline.domain.runs.run import Run
from tests.e2e.local import ROOT, Stack
from tests.e2e.test_cli import MAIN, Fanfare
from tests.loopback import Handler, listening
from tests.patience import until

PAGE = (ROOT / "docs/subscribing.md").read_text("utf-8")


def program(name: str) -> str:
    """Return a program of the page."""
    (found,) = re.findall(rf"```python\n# {re.escape(name)}\n(.*?)```", PAGE, re.DOTALL)
    return found


@pytest.fixture
def fanfare(stack: Stack) -> Fanfare:
    return Fanfare(stack.local.data)


@pytest.fixture
def folder(stack: Stack, tmp_path: Path) -> Path:
    """Return a folder from which the programs of the page find the stack."""
    (tmp_path / ".fanfare").symlink_to(stack.local.data)
    return tmp_path


@pytest.fixture(scope="module")
def run(stack: Stack) -> Run:
    return stack.ended(stack.upload("texts/told.txt", b"some words\n", "word-count"))


def tell_again(stack: Stack, run: Run) -> None:
    """Publish the event of a run once more, as a service may that delivers at least once."""
    stack.engine.ports.events.publish(completion_event(run, ()))


def carry_out(name: str, folder: Path, **environ: str) -> str:
    (folder / name).write_text(program(name), "utf-8")
    said = subprocess.run(
        [sys.executable, name],
        cwd=folder, env={**os.environ, **environ}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return said.stdout


@contextmanager
def going(command: list[str], folder: Path, **environ: str) -> Iterator[Path]:
    """Run a command during a with block; yield the file with what it prints."""
    said = folder / "said.txt"
    with said.open("w") as out:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **environ}, stdout=out, start_new_session=True
        )
        try:
            yield said
        finally:
            os.killpg(process.pid, 9)
            process.wait()


def test_the_program_of_the_page_reads_the_event_from_the_queue(run: Run, folder: Path):
    heard = f"fanfare.run.succeeded {run.id}\n"
    until(lambda: heard in carry_out("listen.py", folder), 60, "the event on the queue")


def test_the_receiver_of_the_page_answers_the_handshake_and_is_told(
    stack: Stack, run: Run, fanfare: Fanfare, folder: Path
):
    """Port 0 is any free one; the program does not say which, so its socket is asked."""
    text = program("receive.py").replace("HTTPServer((", "server = HTTPServer((", 1)
    text = text.replace("8999), Hook).serve_forever()", "0), Hook)")
    (folder / "receive.py").write_text(
        f"{text}print(server.server_port, flush=True)\nserver.serve_forever()\n", "utf-8"
    )
    with going([sys.executable, "receive.py"], folder) as said:
        port = int(until(said.read_text, 30, "the receiver").split()[0])
        url = f"http://127.0.0.1:{port}/hook?token=hidden"
        made = fanfare.json("subscribe", url, "--pipeline", "word-count", "--verdict", "succeeded")
        assert (made["already"], made["target"]) == (False, f"http://127.0.0.1:{port}/hook?…")
        assert made["name"] in fanfare("subscribe", "--list").stdout
        tell_again(stack, run)
        until(lambda: f"{run.id} succeeded\n" in said.read_text(), 60, "the web hook")
        fanfare.json("unsubscribe", made["name"])
    assert "no subscription" in fanfare.refusal("unsubscribe", made["name"])


def test_the_relay_and_the_shell_loop_of_the_page_are_told(
    stack: Stack, run: Run, fanfare: Fanfare, folder: Path
):
    posted: list[dict] = []

    class Slack(Handler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

    (loop,) = re.findall(r"```sh\n(fanfare subscribe --queue shell\n.*?)```", PAGE, re.DOTALL)
    command = shlex.join([sys.executable, "-c", MAIN])
    function = f'fanfare() {{ {command} "$@" --target {shlex.quote(str(fanfare.data))}; }}\n'
    fanfare.json("subscribe", "--queue", "slack")
    with listening(Slack) as url, going(["sh", "-c", function + loop], folder) as said:
        until(lambda: "go to the queue shell" in said.read_text(), 60, "the loop")
        tell_again(stack, run)

        def relayed() -> bool:
            carry_out("slack.py", folder, SLACK_URL=url)
            return {"text": f"{run.id} succeeded"} in posted

        until(relayed, 60, "the message to Slack")
        heard = f"{run.id} of word-count: succeeded\n"
        until(lambda: heard in said.read_text(), 60, "the line of the loop")
