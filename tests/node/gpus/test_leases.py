"""GPUs on a node: real runners lease the devices that a stand-in for nvidia-smi shows."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from task_scripts.runtime import runner_gpu
from task_scripts.runtime.runner_gpu import NoGpu, grant
from tests.node.conftest import Node, Witness
from tests.patience import stretched, until

TWO = "0, GPU-aaaa, 580.95.05, Tesla T4\n1, GPU-bbbb, 580.95.05, Tesla T4\n"
# Holds its device alone, tells so, and goes on when it may.
ALONE = 'mkdir "$1/busy-$CUDA_VISIBLE_DEVICES" || exit 9; until [ -e "$1/go" ]; do sleep 0.05; done'
HOLD = f'{ALONE}; rmdir "$1/busy-$CUDA_VISIBLE_DEVICES"'
TELL = 'printf "%s|%s" "$FANFARE_DEVICE" "${CUDA_VISIBLE_DEVICES-unset}" > "$FANFARE_OUTPUT/told"'


@pytest.fixture
def shown(tmp_path: Path) -> Callable[[str], Path]:
    """Return what makes a `nvidia-smi` of a shell script."""

    def make(script: str) -> Path:
        program = tmp_path / "bin" / "nvidia-smi"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return program.parent

    return make


@pytest.fixture
def nodes(
    scripts: Path, tmp_path: Path, shown: Callable[[str], Path]
) -> Iterator[Callable[[], Node]]:
    """Return what makes one more task of a node that has two GPUs."""
    programs = shown(f"printf %s '{TWO}'")
    (tmp_path / "shared").mkdir()

    def task() -> Node:
        folder = tmp_path / f"wd{len(list(tmp_path.glob('wd*')))}"
        folder.mkdir()
        one = Node(scripts, folder)
        one.path = f"{programs}:{one.path}"
        one.environ["AZ_BATCH_NODE_SHARED_DIR"] = str(tmp_path / "shared")
        one.page["program"]["gpu"] = 1
        return one

    yield task


def told(node: Node, receipt: dict[str, Any]) -> str:
    return (node.folder / receipt["items"][0]["outputs"][0]["blob"]).read_text()


def ended(runner: "subprocess.Popen[bytes]") -> tuple[int, str]:
    _, errors = runner.communicate(timeout=stretched(30))
    return runner.returncode, errors.decode()


def test_a_task_gets_a_device_and_its_receipt_names_model_and_driver(
    nodes: Callable[[], Node],
) -> None:
    node = nodes().sh(TELL)
    receipt = node.run()
    assert told(node, receipt) == "cuda:0|0"
    assert receipt["device"] == {"device": "cuda:0", "name": "Tesla T4", "driver": "580.95.05"}


def test_a_task_that_asks_for_no_gpu_sees_none(nodes: Callable[[], Node]) -> None:
    node = nodes().sh(TELL)
    node.page["program"]["gpu"] = 0
    receipt = node.run()
    assert (told(node, receipt), receipt["device"]) == ("cpu|", None)


def test_a_page_of_an_older_release_decides_nothing(nodes: Callable[[], Node]) -> None:
    node = nodes().sh(TELL)
    del node.page["program"]["gpu"]
    receipt = node.run()
    assert (told(node, receipt), receipt["device"]) == ("|unset", None)


def test_four_tasks_on_two_devices_never_share_one(
    nodes: Callable[[], Node], tmp_path: Path
) -> None:
    tasks = [nodes().sh(HOLD, str(tmp_path)) for _ in range(4)]
    with ExitStack() as stack:
        runners = [stack.enter_context(task.start()) for task in tasks]
        until(lambda: len(list(tmp_path.glob("busy-*"))) == 2)
        (tmp_path / "go").touch()
        ends = [ended(runner) for runner in runners]
    assert [code for code, _ in ends] == [0] * 4
    assert sum("Other tasks have all 2 GPUs: this one waits." in said for _, said in ends) >= 1
    receipts = [json.loads(next(task.folder.glob("r-*")).read_bytes()) for task in tasks]
    assert [one["items"][0]["outcome"] for one in receipts] == ["succeeded"] * 4


def test_two_tasks_that_run_at_once_have_both_devices(
    nodes: Callable[[], Node], tmp_path: Path
) -> None:
    with (
        nodes().sh(HOLD, str(tmp_path)).start() as one,
        nodes().sh(HOLD, str(tmp_path)).start() as other,
    ):
        until(lambda: {p.name for p in tmp_path.glob("busy-*")} == {"busy-0", "busy-1"})
        (tmp_path / "go").touch()
        assert [ended(one)[0], ended(other)[0]] == [0, 0]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_runner_that_dies_frees_its_device_once_its_program_is_gone(
    nodes: Callable[[], Node],
    shown: Callable[[str], Path],
    witness: Witness,
    number: signal.Signals,
) -> None:
    shown("echo '0, GPU-aaaa, 580.95.05, Tesla T4'")
    holder = nodes().sh('exec > "$1"; echo; setsid sleep 90 & sleep 90', "{w}")
    holder.item(w=witness.path)
    waiting = nodes().sh(TELL)
    with holder.start() as first:
        witness.wait_for_word()
        with waiting.start() as second:
            assert second.stderr is not None
            assert b"this one waits" in second.stderr.readline()
            first.send_signal(number)
            assert ended(second)[0] == 0
        assert witness.is_gone()
    receipt = json.loads(next(waiting.folder.glob("r-*")).read_bytes())
    assert told(waiting, receipt) == "cuda:0|0"


def test_a_program_that_kills_its_runner_does_not_cost_the_task_its_device(
    nodes: Callable[[], Node],
) -> None:
    up = 'up() { cut -d" " -f4 /proc/$1/stat; }'
    node = nodes().sh(f"{up}; {TELL}; test $FANFARE_ITEM = 1 || kill -9 $(up $PPID)").items(2)
    receipt = node.run()
    assert [item["outcome"] for item in receipt["items"]] == ["failed", "succeeded"]
    assert receipt["device"]["device"] == "cuda:0"


MISSING: dict[str, tuple[str, str]] = {
    "no-driver": ("echo 'NVIDIA-SMI has failed' >&2; exit 9", "(exit code 9): NVIDIA-SMI has fail"),
    "no-device": ("echo 'No devices were found'", "shows none (exit code 0): No devices were fou"),
    "silent": ("true", "it prints nothing"),
    "endless": ("yes", "prints without end"),
    "hostile": ("printf 'x\\033[2J\\001\\n'; exit 1", "x\ufffd[2J\ufffd"),
    "not-a-program": ("#", "shows none"),
}


@pytest.mark.parametrize(("script", "why"), MISSING.values(), ids=MISSING)
def test_a_task_that_sees_no_gpu_ends_with_the_code_for_it_and_says_why(
    nodes: Callable[[], Node], shown: Callable[[str], Path], script: str, why: str
) -> None:
    shown(script)
    node = nodes().sh("true")
    with node.start() as runner:
        code, said = ended(runner)
    assert (code, said.startswith(runner_gpu.MARK)) == (runner_gpu.EXIT_CODE, True)
    assert why in said
    assert not list(node.folder.glob("r-*"))


def test_where_the_setting_allows_it_such_a_task_runs_on_the_cpu_and_says_so(
    nodes: Callable[[], Node], shown: Callable[[str], Path]
) -> None:
    shown("exit 9")
    node = nodes().sh(f'{TELL}; env > "$FANFARE_OUTPUT/unknown"')
    node.environ["FANFARE_MISSING_GPU"] = "cpu"
    with node.start() as runner:
        code, said = ended(runner)
    receipt = json.loads(next(node.folder.glob("r-*")).read_bytes())
    assert (code, told(node, receipt)) == (0, "cpu|")
    assert receipt["device"] == {"device": "cpu", "name": "", "driver": ""}
    assert said.endswith("The task runs on the CPU.\n")
    written = receipt["items"][0]["outputs"][1]["blob"]
    assert "FANFARE_MISSING_GPU" not in (node.folder / written).read_text()


@pytest.fixture
def environ(tmp_path: Path, shown: Callable[[str], Path]) -> dict[str, str]:
    (tmp_path / "shared").mkdir()
    programs = shown(f"printf %s '{TWO}'")
    return {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "AZ_BATCH_NODE_SHARED_DIR": str(tmp_path / "shared"),
    }


def test_a_node_without_nvidia_smi_has_no_gpu(environ: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(NoGpu, match="nvidia-smi is not on the node"):
        grant(1, {**environ, "PATH": str(tmp_path)})


def test_a_node_without_a_shared_folder_leases_nothing(environ: dict[str, str]) -> None:
    with pytest.raises(NoGpu, match="no shared folder"):
        grant(1, {**environ, "AZ_BATCH_NODE_SHARED_DIR": "/nowhere/at/all"})


def test_an_nvidia_smi_that_hangs_is_ended_with_what_it_started(
    environ: dict[str, str],
    shown: Callable[[str], Path],
    witness: Witness,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown(f"exec 3> {witness.path}; echo >&3; sleep 90 & sleep 90")
    monkeypatch.setattr(runner_gpu, "_PATIENCE_S", 0.5)
    with pytest.raises(NoGpu, match="does not answer within"):
        grant(1, environ)
    witness.wait_for_word()
    witness.wait_for_end()


def test_what_nvidia_smi_says_is_bounded_and_odd_lines_are_left_out(
    environ: dict[str, str], shown: Callable[[str], Path]
) -> None:
    lines = [
        "x, GPU-a, 1, T4",
        "0, ../../etc/passwd, 1, T4",
        "",
        "2, GPU-c, 5\x1b[1m, " + "N" * 900,
    ]
    shown("cat <<'END'\n" + "\n".join(lines) + "\nEND")
    granted = grant(1, environ)
    os.close(granted.lock)
    assert granted.report == {"device": "cuda:0", "name": "N" * 100, "driver": "5\ufffd[1m"}
    assert granted.variables["CUDA_VISIBLE_DEVICES"] == "2"


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_somebody_put_in_the_place_of_a_lease_is_not_used(
    environ: dict[str, str], tmp_path: Path, kind: str
) -> None:
    place = tmp_path / "shared" / "fanfare-gpu-GPU-aaaa.lock"
    if kind == "link":
        place.symlink_to(tmp_path / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.mkdir()
    with pytest.raises(NoGpu, match="cannot be used as a lease"):
        grant(1, environ)
    assert not (tmp_path / "elsewhere").exists()


def test_a_lease_can_be_taken_by_every_user_whatever_the_umask(
    environ: dict[str, str], tmp_path: Path
) -> None:
    before = os.umask(0o077)
    try:
        os.close(grant(1, environ).lock)
    finally:
        os.umask(before)
    (lease,) = (tmp_path / "shared").iterdir()
    assert lease.stat().st_mode & 0o777 == 0o644
    assert re.fullmatch(r"fanfare-gpu-GPU-aaaa\.lock", lease.name)
