"""Says what a failed program lacks on its node: a Python module, another program, or memory.

A machine may say in `machine.json`, beside the interpreter of its nodes, what it has outside their
sight. The local stack does, so that "it works here" does not hide what fails in Azure.
"""

import json
import os
import re
import signal
import sys
from pathlib import Path

_READ = 4000  # characters, the last ones of the output
_MODULE = r"(?am)^ModuleNotFoundError: No module named '([A-Za-z_]\w{0,99})"
_FILE = r"(?am)^FileNotFoundError: .{0,60}: '([\w.+-]{1,100})'$"
_NOT_FOUND = (": not found", ": command not found")  # as shells say it


def explain(command: str | None, environment: str | None, output: str) -> str:
    """Say what was missing, or return an empty text.

    `command` is a program that could not be started; else `output` is what a failed one printed.
    """
    if command:
        return _program(command)
    output = output[-_READ:]
    modules = re.findall(_MODULE, output)
    if modules:
        return _module(modules[-1], environment)
    names = [*re.findall(_FILE, output), *_from_shells(output)]
    return _program(names[-1]) if names else ""


def memory_kills(root: Path = Path("/")) -> "tuple[int, ...]":
    """Count the processes that the kernel killed for lack of memory: in this cgroup, and in all."""
    files = [root / "proc/vmstat"]
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, group = [*line.split(":", 2), "", ""][:3]
        below = group.lstrip("/")
        if not controllers:
            files.append(root / "sys/fs/cgroup" / below / "memory.events")
        elif "memory" in controllers.split(","):
            files.append(root / "sys/fs/cgroup/memory" / below / "memory.oom_control")
    return tuple(_kills_in(file) for file in files)


def explain_kill(before: "tuple[int, ...]", after: "tuple[int, ...]", *, killed: bool) -> str:
    """Say whether memory ran out while a program ran that failed, and what to do about it."""
    remedy = "use a larger VM size, or let fewer tasks share a node (task.memory)"
    if _more(before, after):
        return f"The kernel killed a process because memory ran out: {remedy}."
    return f"If memory ran out: {remedy}." if killed else ""


def was_killed(exit_code: "int | None") -> bool:
    """Tell whether a program ended by SIGKILL, or a shell says so of a program that it ran."""
    return exit_code in (-signal.SIGKILL, 128 + signal.SIGKILL)


def cause_of(
    cause: str, before: "tuple[int, ...]", after: "tuple[int, ...]", exit_code: "int | None"
) -> str:
    """Return a better cause if the kernel ended the program because memory ran out.

    A program that only saw another process killed keeps its cause: that may have been anyone's.
    """
    return "out-of-memory" if was_killed(exit_code) and _more(before, after) else cause


def _more(before: "tuple[int, ...]", after: "tuple[int, ...]") -> bool:
    return any(now > then for then, now in zip(before, after, strict=False))


def _kills_in(file: Path) -> int:
    for line in _text(file).splitlines():
        name, _, count = line.partition(" ")
        if name == "oom_kill" and count.strip().isdecimal():
            return int(count)
    return 0


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _module(name: str, environment: str | None) -> str:
    here = next((str(folder) for folder in _folders() if _has(folder, name)), "")
    only = f" This machine has it in {here}, which nodes do not see." if here else ""
    remedy = (
        f"Add its package to the environment ({environment})"
        if environment
        else "Give the program an `environment` with its package"
    )
    return f"The node's Python has no module {name}.{only} {remedy}, or use an image that has it."


def _program(name: str) -> str:
    """Speak only on a machine that describes itself: otherwise the failure says enough."""
    import shutil  # noqa: PLC0415 - a task that succeeds does not load it

    if os.sep in name or shutil.which(name) is not None:
        return ""
    here = shutil.which(name, path=str(_machine().get("path", "")))
    if here is None and "path" not in _machine():
        return ""
    where = f"has it as {here}, which nodes do not see" if here else "does not have it either"
    remedy = "If a Debian package has it, name that in `packages` of the pool"
    if here is None:
        remedy += ", and install it here with `sudo apt-get install --yes PACKAGE`"
    return (
        f"Nodes have no program {name}. This machine {where}. {remedy}. "
        "Or use an image that has it."
    )


def _from_shells(output: str) -> "list[str]":
    lines = [line for line in output.splitlines() if line.endswith(_NOT_FOUND)]
    return [line.split(": ")[-2] for line in lines]


def _machine() -> "dict[str, object]":
    try:
        content = json.loads((Path(sys.executable).parent.parent / "machine.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _folders() -> "list[Path]":
    folders = _machine().get("packages")
    return [Path(str(folder)) for folder in folders] if isinstance(folders, list) else []


def _has(folder: Path, module: str) -> bool:
    return (folder / module).is_dir() or any(folder.glob(f"{module}.*"))
