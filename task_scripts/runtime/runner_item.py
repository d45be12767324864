"""One item of a task: its argument list, its environment, its inputs and its outputs."""

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypedDict

if TYPE_CHECKING:
    import hashlib

if TYPE_CHECKING or __package__:
    from task_scripts.runtime import runner_guard as guard
    from task_scripts.runtime.files import runner_folder as folders
    from task_scripts.runtime.files import runner_pack as packs
else:  # on a node the files are in one folder
    import runner_folder as folders
    import runner_pack as packs

try:  # without OpenSSL, which takes milliseconds to load
    from _sha2 import sha256 as _sha256  # type: ignore[import-not-found] # it has no stub
except ImportError:  # before Python 3.12
    from hashlib import sha256 as _sha256

MAX_NAME = 512
_TOKEN = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_]{0,31})\}", re.ASCII)
_CHUNK = 1024 * 1024
_REPLACED = (
    "The program removed or replaced its output folder: write into the folder that it gets, "
    "and empty it rather than remove it."
)


_TELLING_NAME = (
    "The name of an output has a secret in it, which receipt and manifest would tell: "
    "give the file another name."
)


class Program(TypedDict):
    """The program as a page describes it: a file beside the runner, or a command of the image."""

    file: str | None
    command: list[str] | None
    arguments: list[str]
    environment: str | None
    gpu: int | None
    secrets: list[str]


class InputFile(TypedDict):
    """An input file as a page describes it, by its path in the task; a size of 0 is unknown."""

    file: str
    name: str
    size: int


class Item(TypedDict):
    """An item as a page describes it; `spans` are the places of its part of the input."""

    id: int
    inputs: list[str]
    spans: list[tuple[int, int]]
    parameters: dict[str, object]


class _Blob(TypedDict):
    name: str
    blob: str
    size: int
    sha256: str


class Output(_Blob, total=False):
    """One output in the receipt; with `offset` it begins there in a pack."""

    offset: int


class Target(NamedTuple):
    """Where outputs go: a folder, what names the next file in it, and the pack of small ones."""

    folder: folders.Folder
    name: Callable[[], str]
    pack: packs.Pack


class _Late(Exception):
    """Collecting took too long."""


class Place(NamedTuple):
    """The folders of one try: the task's, the program's own, and the one for outputs."""

    task: Path
    work: Path
    output: Path


class Unfit(Exception):
    """An item cannot run or cannot count; `cause` and the message say why."""

    def __init__(self, cause: str, note: str) -> None:
        super().__init__(note)
        self.cause = cause


def check_end(ended: "guard.Ended", limit_s: float) -> None:
    """Raise Unfit unless the program succeeded."""
    if ended.overrun:
        raise Unfit("out-of-disk", f"The program was stopped: {ended.overrun}.")
    if ended.timed_out:
        raise Unfit("timed-out", f"The program was stopped after {limit_s:g} s.")
    if ended.missing:
        raise Unfit("program-missing", f"The program cannot be started: {ended.missing}.")
    if ended.refused:
        raise Unfit("program-failed", f"The program cannot be started: {ended.refused}.")
    if ended.guardian_killed:
        raise Unfit("program-failed", "The program killed its parent.")
    if ended.exit_code is not None and ended.exit_code < 0:
        name = signal.strsignal(-ended.exit_code)
        note = f"The program was ended by signal {-ended.exit_code} ({name})."
        raise Unfit("program-failed", note)
    if ended.exit_code:
        raise Unfit("program-failed", f"The program exited with code {ended.exit_code}.")


def check_inputs(item: Item, task: Path, sizes: Mapping[str, int]) -> None:
    """Check that an item's input files are complete. Raises Unfit."""
    for file in item["inputs"]:
        try:
            size = (task / file).stat().st_size
        except OSError:
            raise Unfit("input-missing", f"The input {file} is missing.") from None
        if sizes.get(file) and size != sizes[file]:
            note = f"The input {file} has {size} bytes instead of {sizes[file]}."
            raise Unfit("input-missing", note)


def argument_list(
    program: Program, scripts: Path, item: Item, place: Place, files: Mapping[str, str]
) -> list[str]:
    """Replace the placeholders; every value stays one argument. Raises Unfit.

    `files` are further placeholders, which stand for files of the item.
    """
    values = {**_values(item, place), **files}
    filled: list[str] = []
    for argument in program["arguments"]:
        if argument == "{inputs}":
            filled += [str(place.task / file) for file in item["inputs"]]
        else:
            filled.append(_fill(argument, values))
    command = [_fill(part, values) for part in program["command"] or []]
    return [*(command or start_of(program, scripts)), *filled]


def _values(item: Item, place: Place) -> dict[str, str]:
    values = {name: _as_text(value) for name, value in item["parameters"].items()}
    values |= {"item": str(item["id"]), "output": str(place.output)}
    values["parts"] = str(place.task / "parts.json")
    if item["inputs"]:
        values["input"] = str(place.task / item["inputs"][0])
    return values


def _as_text(value: object) -> str:
    return ("false", "true")[value] if isinstance(value, bool) else str(value)


def _fill(text: str, values: Mapping[str, str]) -> str:
    def replacement(match: "re.Match[str]") -> str:
        if match[1] is None:
            return match[0][0]
        if match[1] not in values:
            raise Unfit("program-failed", f"The item has no value for {match[0]}.")
        return values[match[1]]

    return _TOKEN.sub(replacement, text)


def start_of(program: Program, scripts: Path) -> list[str]:
    """Return what starts the program's file: Python, or what its first line names. Raises Unfit."""
    script = script_of(program, scripts)
    return [python_of(program, scripts), script] if script.endswith(".py") else [script]


def script_of(program: Program, scripts: Path) -> str:
    """Find the program's file. Raises Unfit."""
    path = scripts / (program["file"] or "")
    if path.is_dir():
        path /= "__main__.py" if (path / "__main__.py").is_file() else "main.py"
    if not path.is_file():
        raise Unfit("program-missing", f"The program {program['file']} is not on the node.")
    return str(path)


def python_of(program: Program, scripts: Path) -> str:
    """Find the interpreter that the preparation task chose; in an image its own. Raises Unfit."""
    if program.get("image"):  # a page of an older release has none
        return sys.executable
    prepared = scripts / "environment.json"
    if program["environment"] is None and not prepared.exists():
        return sys.executable
    try:
        python = json.loads(prepared.read_bytes())["python"]
    except (OSError, ValueError, KeyError) as error:
        note = f"The Python environment {program['environment']} was not prepared: {error}"
        raise Unfit("program-missing", note) from None
    return str(python)


def environment_for(item: Item, place: Place, names: Mapping[str, str]) -> dict[str, str]:
    """Make the environment variables that describe the item to the program."""
    first = item["inputs"][0] if item["inputs"] else ""
    return {
        "FANFARE_ITEM": str(item["id"]),
        "FANFARE_INPUT": str(place.task / first) if first else "",
        "FANFARE_INPUT_NAME": names.get(first, ""),
        "FANFARE_OUTPUT": str(place.output),
        "FANFARE_PARAMETERS": _compact(item["parameters"]),
    }


def _compact(parameters: Mapping[str, object]) -> str:
    # As characters and not as escapes, which need up to six times the bytes.
    return json.dumps(parameters, ensure_ascii=False)


class Limits(NamedTuple):
    """How much an item may write: files, bytes, and seconds to move and hash them.

    No name may have what `secret` tells of a text.
    """

    files: int = 5_000
    bytes: int = 200 << 30
    seconds: float = 1_800.0
    secret: "Callable[[str], bool]" = lambda _text: False

    @classmethod
    def of(cls, given: Mapping[str, Any], secret: Callable[[str], bool]) -> "Limits":
        """Read the limits of a page; of those of a later release the ones that this one knows."""
        known = {name: given[name] for name in ("files", "bytes", "seconds") if name in given}
        return cls(**known, secret=secret)


def collect(folder: folders.Folder, target: Target, limits: Limits) -> list[Output]:
    """Move every output to its target and compute its digest. Raises Unfit."""
    deadline = time.monotonic() + limits.seconds
    try:
        if not folder.is_in_place():
            raise Unfit("output-unusable", _REPLACED)
        found = sorted(_files(folder, limits, deadline))
        return [_take(folder, one, target, deadline) for one in found]
    except OSError as error:
        note = f"An output cannot be read: {error.strerror or error}."
        raise Unfit("output-unusable", note) from None
    except _Late:
        note = (
            f"The outputs were not collected within {limits.seconds:g} s: "
            "write less, or raise limits.outputs.time."
        )
        raise Unfit("output-unusable", note) from None


def _files(folder: folders.Folder, limits: Limits, deadline: float) -> Iterator[str]:
    seen = size = 0
    for found in folder.found():
        if time.monotonic() > deadline:
            raise _Late
        if limits.secret(found.name):
            raise Unfit("output-unusable", _TELLING_NAME)
        _check_name(found.name)
        seen += 1
        if seen > limits.files:
            note = f"The item wrote more than {limits.files:,} files and folders: "
            raise Unfit("output-unusable", f"{note}write fewer, or raise limits.outputs.files.")
        if found.is_folder:
            continue
        if not found.is_file:
            raise Unfit("output-unusable", f"The output {found.name} is not a regular file.")
        # A sparse file has fewer bytes on the disk than Storage would get.
        size += max(found.status.st_size, found.status.st_blocks * 512)
        if size > limits.bytes:
            note = f"The item wrote more than {limits.bytes:,} bytes: "
            raise Unfit("output-unusable", f"{note}write fewer, or raise limits.outputs.bytes.")
        yield found.name


def _check_name(name: str) -> None:
    if len(name) > MAX_NAME:
        note = f"The output name {name[:60]}… is longer than {MAX_NAME} characters."
        raise Unfit("output-unusable", note)
    if not name.isprintable() or "\\" in name:
        note = f"The output name {name!a} has unprintable characters or a backslash."
        raise Unfit("output-unusable", note)


def _take(folder: folders.Folder, name: str, target: Target, deadline: float) -> Output:
    with folder.open(name) as stream:
        content = target.pack.content_of(stream, os.fstat(stream.fileno()).st_size)
        if content is None:
            return _move(folder, name, stream, target, deadline)
        if time.monotonic() > deadline:
            raise _Late
    blob, offset = target.pack.add(content)
    digest = _sha256(content).hexdigest()
    return {"name": name, "blob": blob, "offset": offset, "size": len(content), "sha256": digest}


def _digest(size: int) -> "hashlib._Hash":
    """Begin a digest; OpenSSL is some times faster, once it is loaded."""
    if size <= _CHUNK:
        return _sha256()  # type: ignore[no-any-return] # see above
    import hashlib  # noqa: PLC0415 - see above

    return hashlib.sha256()


def _move(
    folder: folders.Folder, name: str, stream: BinaryIO, target: Target, deadline: float
) -> Output:
    digest, size, new = _digest(os.fstat(stream.fileno()).st_size), 0, target.name()
    while data := stream.read(_CHUNK):
        if time.monotonic() > deadline:
            raise _Late
        digest.update(data)
        size += len(data)
    folder.move(name, target.folder, new)
    target.folder.check(new, stream)
    return {"name": name, "blob": new, "size": size, "sha256": digest.hexdigest()}
