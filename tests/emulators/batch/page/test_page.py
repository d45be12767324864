"""The page: what it shows, to whom, and that no foreign text becomes markup."""

import json
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError

from tests.emulators.batch.running import KEY, Emulator, shell
from tests.needs import missing
from tests.patience import stretched, until

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--virtual-time-budget=3000",
)


@pytest.fixture(scope="module")
def shown(emulator: Emulator) -> Emulator:
    """Run an emulator with a failed task, a waiting task and a refused request."""
    emulator.add_pool("shown", nodes=1, slots=1)
    emulator.add_job("shown", "shown")
    emulator.run("shown", "fails", shell("echo '<b>loud</b>'; exit 3"))
    emulator.add_task("shown", "wide", "true", required_slots=2)
    with pytest.raises(HttpResponseError):
        emulator.client.get_pool("nowhere")
    return emulator


def ask(emulator: Emulator, path: str) -> tuple[int, str, dict[str, str]]:
    own = {"x-batch-key": KEY}
    request = urllib.request.Request(f"{emulator.endpoint}{path}", headers=own)
    try:
        with urllib.request.urlopen(request, timeout=stretched(30)) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), dict(error.headers)


def state(emulator: Emulator, query: str = "") -> dict:
    return json.loads(ask(emulator, f"/_admin/page/state?{query}")[1])


def test_the_page_shows_pools_jobs_and_why_tasks_fail_or_wait(shown: Emulator) -> None:
    found = state(shown, "pool=shown&job=shown")
    assert [pool["dedicated"] for pool in found["pools"] if pool["id"] == "shown"] == [[1, 1]]
    assert [node["state"] for node in found["pool"]["nodes"]] == ["idle"]
    tasks = {task["id"]: task for task in found["job"]["tasks"]}
    assert tasks["fails"]["exitCode"] == 3
    assert tasks["fails"]["why"].startswith("FailureExitCode")
    assert tasks["wide"]["why"].startswith("It needs 2 slots, a node of the pool has 1")


def test_it_shows_what_was_refused_and_why_without_secrets(shown: Emulator) -> None:
    (first, *_) = state(shown)["refused"]
    assert (first["status"], first["code"], first["path"]) == (
        404,
        "PoolNotFound",
        "/pools/nowhere",
    )
    assert "SharedKey" not in json.dumps(state(shown))


def test_tasks_are_filtered_and_paged(shown: Emulator) -> None:
    shown.add_job("many", "shown")
    tasks = [
        models.BatchTaskCreateOptions(id=f"t{n:03}", command_line="true", required_slots=2)
        for n in range(120)
    ]
    shown.client.create_tasks("many", tasks)
    first = state(shown, "job=many&state=active")["job"]
    assert (len(first["tasks"]), first["next"]) == (50, 50)
    last = state(shown, "job=many&state=active&start=100")["job"]
    assert (len(last["tasks"]), last["next"]) == (20, None)
    assert state(shown, "job=many&state=failed")["job"]["tasks"] == []


@pytest.mark.parametrize("start", ["9" * 5_000, "-1", "1e9", "%D9%A3", "%ff"])
def test_a_start_that_is_no_position_is_the_first(shown: Emulator, start: str) -> None:
    assert [one["id"] for one in state(shown, f"job=shown&start={start}")["job"]["tasks"]][:1]


def test_the_history_of_a_pool_is_there_to_plot(shown: Emulator) -> None:
    shown.admin("POST", "/_admin/clock", {"seconds": 3600 * 10})
    history = state(shown, "pool=shown")["pool"]["history"]
    assert 100 < len(history) <= 241
    moments = [row[0] for row in history]
    assert moments == sorted(moments)
    assert history[-1][4] == 1


def test_the_end_of_a_tasks_output_is_text_and_only_of_its_two_logs(shown: Emulator) -> None:
    wanted = "/_admin/page/tail?job=shown&task=fails&file="
    status, text, headers = ask(shown, wanted + "stdout.txt")
    assert (status, text) == (200, "<b>loud</b>\n")
    assert headers["Content-Type"].startswith("text/plain")
    assert ask(shown, wanted + "../../../../lock")[1] == ""


def test_a_task_tells_what_it_waits_for(shown: Emulator) -> None:
    assert "never starts" in json.loads(ask(shown, "/_admin/why/shown/wide")[1])["why"]
    assert json.loads(ask(shown, "/_admin/why/shown/fails")[1])["why"] == ""
    assert ask(shown, "/_admin/why/shown/nobody")[0] == 404


def test_the_page_loads_nothing_from_elsewhere_and_writes_no_markup() -> None:
    folder = Path("emulators/batch/page")
    texts = [(folder / name).read_text() for name in ("page.html", "page.css", "page.js")]
    assert not any("https://" in text for text in texts)
    assert not any(
        word in texts[2] for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval(")
    )


def test_a_browser_shows_the_job_and_draws_the_history(shown: Emulator, tmp_path: Path) -> None:
    if CHROMIUM is None:
        missing("Chromium", "chromium")
    page = f"{shown.endpoint}/#{KEY}"
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path}", "--dump-dom", page]

    def loaded() -> str | None:
        page = subprocess.run(
            command, capture_output=True, text=True, timeout=stretched(60), check=False
        )
        return page.stdout if "PoolNotFound" in page.stdout else None

    page = until(loaded)
    assert 'data-key="j:shown"' in page
    assert "<polyline" in page


@pytest.mark.parametrize("timing", ["immediate", "timed", "manual"])
def test_a_reset_answers_only_when_nothing_is_left(tmp_path: Path, timing: str) -> None:
    emulator = Emulator(tmp_path, "--timing", timing)
    emulator.add_pool("p", nodes=2)
    emulator.add_job("j", "p")
    emulator.add_task("j", "t", "sleep 100")
    emulator.admin("POST", "/_admin/reset")
    left = emulator.admin("GET", "/_admin/state")
    assert (left["pools"], left["jobs"], left["schedules"], left["running"]) == ([], [], [], [])
    assert not list(emulator.client.list_pools())
    emulator.stop()
