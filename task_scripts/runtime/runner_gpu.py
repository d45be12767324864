"""Gives a task one GPU of its node: finds the devices, and leases one that no other task has.

Batch counts no GPUs and tells a task no slot. So each device has a file in the node's shared
folder, and whoever holds its lock has the device. The kernel releases a lock when the last process
that holds it is gone: the runner, or after its death the guardian that ends its program. Nothing
that `nvidia-smi` prints, or that lies in the shared folder, is trusted.
"""

import fcntl
import os
import re
import select
import signal
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict

if TYPE_CHECKING:
    import subprocess

# `cpu` lets a task that finds no GPU run without one; anything else lets it fail.
MISSING = "FANFARE_MISSING_GPU"
EXIT_CODE = 75  # by which the engine knows that the node showed no GPU
MARK = "No GPU: "  # begins the line that says why
_ASK = ("--query-gpu=index,uuid,driver_version,name", "--format=csv,noheader")
_PATIENCE_S = 60.0  # a driver that nobody has used yet may take half a minute
_OUTPUT_BYTES, _CHUNK = 64 * 1024, 4096
_MOST, _TEXT = 64, 100  # devices; characters of a name
_PAUSE_S = 0.25
_LINE = r"(?a)([0-9]{1,3}), *([A-Za-z0-9-]{1,80}), *([^,]{1,100}), *(.{1,1000})"


class NoGpu(Exception):
    """The node shows no GPU; the message says why."""


class Report(TypedDict):
    """The device as the receipt names it: `cuda:0` with model and driver, or `cpu`."""

    device: str
    name: str
    driver: str


class Granted(NamedTuple):
    """What a program is told of its device, what the receipt says of it, and the lock or -1.

    The lock is held for as long as this process, or one that it forked, lives.
    """

    variables: "dict[str, str]"
    report: "Report | None" = None
    lock: int = -1


class _Device(NamedTuple):
    number: str
    uuid: str
    driver: str
    name: str


_CPU = {"FANFARE_DEVICE": "cpu", "CUDA_VISIBLE_DEVICES": ""}


def grant(wanted: "int | None", environ: Mapping[str, str]) -> Granted:
    """Lease a GPU if the program wants one; wait while other tasks have all. Raises NoGpu.

    A program that wants none sees none. With None, as in a page of an older release, nothing is
    decided.
    """
    if wanted is None:
        return Granted({})
    if not wanted:
        return Granted(_CPU)
    try:
        device, lock = _lease(_devices(environ), environ.get("AZ_BATCH_NODE_SHARED_DIR", ""))
    except NoGpu as missing:
        if environ.get(MISSING) != "cpu":
            raise
        sys.stderr.write(f"{MARK}{missing} The task runs on the CPU.\n")
        return Granted(_CPU, {"device": "cpu", "name": "", "driver": ""})
    variables = {
        "FANFARE_DEVICE": "cuda:0",
        "CUDA_VISIBLE_DEVICES": device.number,
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # in which nvidia-smi numbers the devices
    }
    return Granted(
        variables, {"device": "cuda:0", "name": device.name, "driver": device.driver}, lock
    )


def _devices(environ: Mapping[str, str]) -> "list[_Device]":
    """Ask nvidia-smi for the devices. Raises NoGpu."""
    import shutil  # noqa: PLC0415 - few tasks want a GPU, and the others start sooner

    program = shutil.which("nvidia-smi", path=environ.get("PATH"))
    if program is None:
        raise NoGpu("nvidia-smi is not on the node, or not shown to the container.")
    code, text = _ask(program, environ)
    found: dict[str, _Device] = {}
    for line in text.splitlines():
        match = re.fullmatch(_LINE, line.strip())
        if match and len(found) < _MOST:
            number, uuid, driver, name = match.groups()
            found.setdefault(uuid, _Device(number, uuid, _shown(driver), _shown(name)))
    if code or not found:
        said = next((_shown(line.strip()) for line in text.splitlines() if line.strip()), "")
        raise NoGpu(f"nvidia-smi shows none (exit code {code}): {said or 'it prints nothing'}.")
    return list(found.values())


def _ask(program: str, environ: Mapping[str, str]) -> "tuple[int, str]":
    """Return nvidia-smi's exit code and what it prints, within limits. Raises NoGpu."""
    import subprocess  # noqa: PLC0415 - see above

    try:
        process = subprocess.Popen(
            [program, *_ASK],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise NoGpu(f"nvidia-smi cannot be started: {error.strerror}.") from None
    try:
        output = _read(process)
        return process.wait(1.0), output.decode(errors="replace")
    except subprocess.TimeoutExpired:  # it closed its output and goes on
        raise NoGpu("nvidia-smi does not end.") from None
    finally:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout:
            process.stdout.close()


def _read(process: "subprocess.Popen[bytes]") -> bytes:
    """Read all output. Raises NoGpu for more than it may be, in bytes or in seconds."""
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    fd, output, deadline = process.stdout.fileno(), bytearray(), time.monotonic() + _PATIENCE_S
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    while (rest_s := deadline - time.monotonic()) > 0:
        if not poller.poll(rest_s * 1000 + 1):
            continue
        data = os.read(fd, _CHUNK)
        if not data:
            return bytes(output)
        output += data
        if len(output) > _OUTPUT_BYTES:
            raise NoGpu("nvidia-smi prints without end.")
    raise NoGpu(f"nvidia-smi does not answer within {_PATIENCE_S:g} s.")


def _lease(devices: "list[_Device]", shared: str) -> "tuple[_Device, int]":
    """Lock the first device that is free, or the next one that becomes so. Raises NoGpu."""
    if not (Path(shared).is_absolute() and Path(shared).is_dir()):
        raise NoGpu("the node has no shared folder in which tasks lease GPUs.")
    waits = False
    while True:
        for device, lock in _free(devices, Path(shared)):
            return device, lock
        if not waits:
            waits = True
            sys.stderr.write(f"Other tasks have all {len(devices)} GPUs: this one waits.\n")
            sys.stderr.flush()
        time.sleep(_PAUSE_S)


def _free(devices: "list[_Device]", shared: Path) -> "Iterator[tuple[_Device, int]]":
    for device in devices:
        lock = _locked(shared / f"fanfare-gpu-{device.uuid}.lock")
        if lock is not None:
            yield device, lock


def _locked(path: Path) -> "int | None":
    """Lock a file; return what holds the lock, or None if another task has it. Raises NoGpu."""
    try:
        fd = _opened(path)
        if fd is None:
            return None
        held = os.fstat(fd)
        if not stat.S_ISREG(held.st_mode):
            os.close(fd)
            raise NoGpu(f"{path.name} cannot be used as a lease: it is not a regular file.")
    except OSError as error:
        raise NoGpu(f"{path.name} cannot be used as a lease: {error.strerror}.") from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(held, path.stat(follow_symlinks=False)):
            return fd
    except OSError:  # another task has it, or somebody deleted it
        pass
    os.close(fd)
    return None


def _opened(path: Path) -> "int | None":
    """Open the file, or make it; other users may lock it too, and write nothing."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        pass
    except PermissionError:
        return None  # another task makes it just now
    try:
        fd = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return None
    os.fchmod(fd, 0o644)  # whatever the umask is
    return fd


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in text)[:_TEXT].strip()
