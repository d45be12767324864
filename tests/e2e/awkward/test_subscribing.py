"""The two ways in which `docs/pipelines.md` subscribes to completion events on the local stack."""

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

from pipeline.cli.target import render_env
from pipeline.domain.runs.run import Run
from tests.e2e.local import Stack
from tests.loopback import Handler, listening
from tests.patience import stretched, until

PAGE = (Path(__file__).resolve().parents[3] / "docs/pipelines.md").read_text("utf-8")


def a_run(stack: Stack, name: str) -> Run:
    return stack.ended(stack.upload(f"texts/{name}.txt", b"some words\n", "word-count"))


def ask(stack: Stack, method: str, url: str, content: bytes | None = None) -> int:
    key = stack.local.keys().eventgrid
    headers = {"Content-Type": "application/json", "aeg-sas-key": key}
    request = urllib.request.Request(url, content, headers, method=method)
    with urllib.request.urlopen(request, timeout=stretched(30)) as answer:
        return answer.status


def test_the_program_of_the_page_reads_the_event_from_the_queue(stack: Stack, tmp_path: Path):
    (program,) = re.findall(r"```python\n# listen\.py\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "listen.py").write_text(program, "utf-8")
    (tmp_path / ".fanfare").mkdir()
    (tmp_path / ".fanfare/app.env").write_text(render_env(stack.local.app_settings()), "utf-8")
    run = a_run(stack, "listen")

    def heard() -> bool:
        command = [sys.executable, "listen.py"]
        said = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        return f"fanfare.run.succeeded {run.id}\n" in said.stdout

    until(heard, 60, "the event on the queue")


def test_the_subscription_of_the_page_tells_a_web_hook(stack: Stack):
    (body,) = re.findall(r"curl -X PUT .* -d '(\{.*?\n\})'", PAGE, re.DOTALL)
    heard: list[dict] = []

    class Hook(Handler):
        def do_OPTIONS(self) -> None:
            self.send_response(200)
            self.send_header("WebHook-Allowed-Origin", self.headers["WebHook-Request-Origin"])
            self.end_headers()

        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

    eventgrid = stack.local.description()["endpoints"]["eventgrid"]["endpoint"]
    subscription = f"{eventgrid}/subscriptions/fanfare-runs/mine"
    assert '"$EVENTGRID/subscriptions/fanfare-runs/mine"' in PAGE
    with listening(Hook) as url:
        content = body.replace("http://127.0.0.1:8999", url).encode()
        assert ask(stack, "PUT", subscription, content) == 201
        run = a_run(stack, "hook")
        told = until(lambda: [e for e in heard if e["data"]["run"] == run.id], 60, "the web hook")
        assert ask(stack, "DELETE", subscription) == 200
    assert told[0]["type"] == "fanfare.run.succeeded"
