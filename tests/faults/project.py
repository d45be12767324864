"""A project of its own with its local stack, in which commands run word for word as printed."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

from pipeline.cli.stack.config import Keys
from pipeline.cli.stack.process import LocalStack
from pipeline.cli.target import read_env
from pipeline.settings import Settings
from tests.faults.measure import Answer
from tests.patience import stretched, until

ROOT = Path(__file__).resolve().parents[2]
EXTRA = ROOT / "tests/e2e/extra"
TROUBLE = ROOT / "tests/faults/extra/trouble.py"
POOLS = ("idle", "unusable", "starting")
PARTS = ("pipeline", "emulators", "task_scripts", "pipelines", "pools", "infra")
FILES = ("function_app.py", "host.json", "requirements.txt", ".funcignore")


class Project:
    """A copy of this repository; `fanfare` means it, and its stack lies in its `.fanfare`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / ".fanfare"
        ignored = shutil.ignore_patterns("__pycache__", "node_modules")
        for part in PARTS:
            shutil.copytree(ROOT / part, folder / part, ignore=ignored)
        for name in FILES:
            shutil.copy(ROOT / name, folder / name)
        modules = "emulators/storage/node_modules"
        (folder / modules).symlink_to(ROOT / modules)
        for part in ("pipelines", "task_scripts"):
            shutil.copytree(EXTRA / part, folder / part, dirs_exist_ok=True)
        shutil.copy(TROUBLE, folder / "task_scripts")
        self._like_acts("trouble", ("act.py", "trouble.py"))
        for pool in POOLS:
            shutil.copy(ROOT / "pools/cpu.yaml", folder / f"pools/{pool}.yaml")
            self._like_acts(f"on-{pool}", ("pool: cpu", f"pool: {pool}"))

    def _like_acts(self, name: str, change: tuple[str, str]) -> None:
        """Write a pipeline like `strict-acts` under another name, with a change."""
        text = (EXTRA / "pipelines/strict-acts.yaml").read_text("utf-8")
        changed = text.replace("strict/", f"{name}/").replace(*change)
        (self.folder / f"pipelines/{name}.yaml").write_text(changed, "utf-8")

    @property
    def up(self) -> bool:
        """Whether the stack runs."""
        return LocalStack(self.data).running()

    def run(self, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a command as a person would in this folder."""
        path = f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("FANFARE_")}
        return subprocess.run(
            list(argv),
            cwd=self.folder,
            env={**kept, "PATH": path, "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=stretched(200),
            check=False,
        )

    def fanfare(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `fanfare`."""
        return self.run(["fanfare", *words])

    def json(self, *words: str) -> dict:
        """Run `fanfare` with --json; an error is {"error": …}."""
        done = self.fanfare(*words, "--json")
        said = done.stdout or done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return json.loads(said)

    def start(self, pipeline: str, content: str, name: str = "a.txt") -> str:
        """Start a run by an upload; return its id."""
        file = self.folder / name
        file.write_text(content, "utf-8")
        (run,) = self.json("run", pipeline, str(file), "--no-wait")["runs"]
        return str(run)

    def show(self, run: str) -> list[Answer]:
        """Ask for a run."""
        shown = self.json("show", run)
        obstacle, text = shown.get("obstacle") or {}, shown.get("error") or shown.get("why") or ""
        found = [Answer(obstacle["code"], text, obstacle["remedy"])] if obstacle else []
        if shown.get("cause"):
            found.append(Answer(shown["cause"], text, shown.get("remedy") or ""))
        return found

    def examine(self, *more: str) -> list[Answer]:
        """Ask the doctor."""
        told = self.json("doctor", "--wait", "12", *more)
        wrong = [f for f in told.get("findings", ()) if f["level"] not in ("ok", "only in Azure")]
        return [Answer(f["check"], f"{f['what']}: {f['why']}", f["mend"]) for f in wrong]

    @property
    def description(self) -> dict:
        """What the stack says of itself."""
        return json.loads((self.data / "stack.json").read_text("utf-8"))

    @property
    def settings(self) -> Settings:
        """The settings with which the services answer."""
        return Settings.from_env(read_env(self.data / "app.env"), self.folder)

    @property
    def keys(self) -> Keys:
        """The secrets of the stack."""
        return LocalStack(self.data).keys()

    def subscription(self, method: str, body: object = None) -> dict:
        """Read or change the subscription that starts runs."""
        url = self.endpoint("eventgrid") + "/subscriptions/fanfare-storage/blob-events"
        return ask(method, url, body, {"aeg-sas-key": self.keys.eventgrid})

    def endpoint(self, service: str) -> str:
        """Return where a service listens."""
        return str(self.description["endpoints"][service]["endpoint"])

    def pid(self, service: str) -> int:
        """Return the process of a service."""
        return int(self.description["pids"][service])

    def freeze(self, pid: int) -> None:
        """Suspend a process, so that it neither answers nor ends."""
        os.kill(pid, signal.SIGSTOP)

    def worker(self) -> int:
        """Return the process that runs the app."""
        return int(ask("GET", self.endpoint("functions") + "/health")["worker_pid"])

    def strike(self, **rule: object) -> None:
        """Add a fault rule to the Batch emulator."""
        ask(
            "POST",
            self.endpoint("batch") + "/_admin/faults",
            rule,
            {"x-batch-key": self.keys.batch},
        )

    def state(self, run: str) -> str:
        """Return a run's state."""
        return str(self.json("show", run).get("state", ""))

    def ends(self, run: str, state: str = "succeeded") -> bool:
        """Wait for a run's end; return whether it is this one."""
        over = ("succeeded", "failed", "cancelled")
        found = until(
            lambda: (now := self.state(run)) in over and now, 150, f"the end of {run}", self.tell
        )
        return found == state

    def tell(self) -> str:
        """Describe the active runs, for a test that gives up."""
        return json.dumps(self.json("ls"), indent=1)[-2000:]


def ask(method: str, url: str, body: object = None, key: dict[str, str] | None = None) -> dict:
    """Call an emulator; return its JSON."""
    content = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **(key or {})}
    with urlopen(Request(url, content, headers, method=method), timeout=stretched(20)) as answer:
        return json.loads(answer.read() or b"{}")


@contextmanager
def running(folder: Path, before: Callable[[], object] = lambda: None) -> Iterator[Project]:
    """Make a project, start its stack, and stop it in the end."""
    project = Project(folder)
    before()
    started = project.fanfare("up")
    assert started.returncode == 0, started.stdout + started.stderr
    try:
        yield project
    finally:
        project.fanfare("down", "--force")
