"""Asks a node what `fanfare smoke --prove` wants to know. It runs there, as an archive of its own.

Standard library only, in the syntax of Python 3.10, which nodes may have. Answers are words for
people. No answer has a URL, since URLs are signed.
"""

import grp
import json
import os
import pwd
import shutil
import stat
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_LONGEST = 2000  # characters of an answer
_MOST_FOLDERS = 60
_TIMEOUT_S = 120
_MIB = 1 << 20
_BLOB = {"x-ms-blob-type": "BlockBlob"}
_SETTINGS = (
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
    "/proc/sys/kernel/unprivileged_userns_clone",
    "/proc/sys/user/max_user_namespaces",
)
_TRIALS = (
    ("bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"),
    ("unshare", "--user", "--map-root-user", "true"),
)

Orders = Mapping[str, Any]


def main(argv: "list[str]") -> int:
    """Answer the questions of an archive's orders; `argv` has the archive and an output folder."""
    with zipfile.ZipFile(argv[0]) as archive:
        orders = json.loads(archive.read("orders.json"))
    answers: dict[str, str] = {}
    for question, ask in _QUESTIONS.items():
        try:
            answers[question] = ask(orders)[:_LONGEST]
        except (OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
            answers[question] = f"{type(error).__name__}: {error}"[:_LONGEST]
    Path(argv[1], "answers.json").write_text(json.dumps(answers), "utf-8")
    return 0


def _create(orders: Orders) -> str:
    return _put(orders["small"], b"1" * _MIB, _BLOB)


def _overwrite(orders: Orders) -> str:
    # Few bytes: of a large body the service may close the connection, and its answer is lost.
    return _put(orders["small"], b"2", _BLOB)


def _blocks(orders: Orders) -> str:
    """Upload a blob in blocks, after a first one that is small."""
    wanted = orders["large"]
    said = _in_blocks(wanted["url"], [b"1", *[b"2" * wanted["bytes"]] * wanted["count"]])
    return f"{wanted['count']} blocks of {wanted['bytes'] // _MIB} MiB: {said}"


def _commit_over(orders: Orders) -> str:
    return _in_blocks(orders["large"]["url"], [b"3"])


def _in_blocks(url: str, blocks: "list[bytes]") -> str:
    """Upload blocks and commit them; say how the first refusal, or the commit, was answered."""
    ids = [b64encode(b"%06d" % number).decode() for number in range(len(blocks))]
    for name, content in zip(ids, blocks, strict=True):
        said = _put(f"{url}&comp=block&blockid={name}", content)
        if not said.startswith("201"):
            return f"a block: {said}"
    listed = "".join(f"<Latest>{name}</Latest>" for name in ids)
    text = f"<?xml version='1.0' encoding='utf-8'?><BlockList>{listed}</BlockList>"
    return _put(f"{url}&comp=blocklist", text.encode())


def _put(url: str, content: bytes, headers: "Mapping[str, str] | None" = None) -> str:
    request = urllib.request.Request(url, content, dict(headers or {}), method="PUT")  # noqa: S310 - the orders come from the smoke
    return _answered(request)


def _answered(request: urllib.request.Request) -> str:
    """Return the status of an answer, and its error code."""
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as reply:  # noqa: S310 - as above
            return f"{reply.status} {reply.reason}"
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.headers.get('x-ms-error-code') or error.reason}"


def _get(url: str) -> str:
    return _answered(urllib.request.Request(url))  # noqa: S310 - as above


def _folders(_orders: Orders) -> str:
    """Tell mode, owner and readability of each folder from the node's root down to the task."""
    root = Path(os.environ["AZ_BATCH_NODE_ROOT_DIR"])
    here = Path.cwd()
    above = [path for path in (here, *here.parents) if path == root or root in path.parents]
    wanted = [*above, *_below(root), *_below(root / "workitems"), *_below(root / "volatile")]
    return "; ".join(_folder(path, root) for path in sorted(set(wanted))[:_MOST_FOLDERS])


def _below(folder: Path) -> "list[Path]":
    try:
        return [path for path in folder.iterdir() if path.is_dir()]
    except OSError:
        return []


def _folder(path: Path, root: Path) -> str:
    name = path.relative_to(root).as_posix()
    try:
        found = path.lstat()
    except OSError as error:
        return f"{name} {error.strerror}"
    can = "".join(
        letter if os.access(path, way) else "-"
        for letter, way in (("r", os.R_OK), ("w", os.W_OK), ("x", os.X_OK))
    )
    owner = f"{_user(found.st_uid)}:{_group(found.st_gid)}"
    return f"{name} {stat.filemode(found.st_mode)} {owner} we:{can}"


def _users(_orders: Orders) -> str:
    """Name the user of each process from this one up to the first; the agent is among them."""
    groups = ",".join(_group(gid) for gid in sorted(set(os.getgroups())))
    chain = " < ".join(_processes(os.getpid()))
    return f"this task: {_user(os.getuid())} groups {groups}; processes: {chain}"


def _processes(pid: int) -> Iterator[str]:
    while pid > 0:
        lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
        fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        yield f"{fields['Name']}({_user(int(fields['Uid'].split()[0]))})"
        pid = int(fields["PPid"])


def _sandbox(_orders: Orders) -> str:
    """Try what would separate programs, and read the settings that decide about it."""
    said = [_trial(trial) for trial in _TRIALS]
    said += [
        f"{path.name}={path.read_text('utf-8').strip()}"
        for path in map(Path, _SETTINGS)
        if path.exists()
    ]
    return "; ".join(said)


def _trial(command: "tuple[str, ...]") -> str:
    if shutil.which(command[0]) is None:
        return f"{command[0]}: is not installed"
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    words = " ".join(done.stderr.split())[:300]
    return f"{command[0]}: exit code {done.returncode}{f', {words}' if words else ''}"


def _user(uid: int) -> str:
    try:
        return f"{pwd.getpwuid(uid).pw_name}={uid}"
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return f"{grp.getgrgid(gid).gr_name}={gid}"
    except KeyError:
        return str(gid)


_QUESTIONS = {
    "sp=c, a program creates a blob of 1 MB": _create,
    "sp=c, a program writes over that blob": _overwrite,
    "sp=c, a program uploads in blocks": _blocks,
    "sp=c, a program commits blocks over that blob": _commit_over,
    "a snapshot by a signed URL": lambda orders: _get(orders["snapshot"]),
    "the same without a signature": lambda orders: _get(orders["unsigned"]),
    "modes of the node's folders": _folders,
    "users of task and agent": _users,
    "separation of programs": _sandbox,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv))
