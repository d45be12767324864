"""Files on this machine: what is uploaded, and where an output goes. Names are hostile.

A program that ran for somebody else chose the names of an output. So a name that could leave the
folder is refused, nothing is written through a link, and a file has its name only once its size and
its digest are right.
"""

import hashlib
import re
import secrets
from pathlib import Path, PurePosixPath
from typing import IO

from fanfare.errors import Damaged
from fanfare.values import OutputFile

_CHUNK = 1 << 20
_LONGEST_PART = 255  # bytes: what file systems take
# Also what only Windows gives a meaning: devices, drives, streams, ends that it drops.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE)
_BAD = re.compile(r'[\\:*?"<>|]')


def read_digest(content: "Path | bytes | None") -> tuple[int, str]:
    """Return size and SHA-256 of a file or of bytes. Raises OSError."""
    if not isinstance(content, Path):
        data = content or b""
        return len(data), hashlib.sha256(data).hexdigest()
    digest, size = hashlib.sha256(), 0
    with content.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()


def path_below(folder: Path, name: str) -> Path:
    """Return where a file of an output goes. Raises Damaged for a name that is not safe.

    Folders that exist are followed only if they stay below `folder`.
    """
    parts = name.split("/")
    why = next((reason for part in parts if (reason := _fault(part))), "")
    if why:
        raise Damaged(f"The file {name[:200]!a} of the output is not written: {why}.")
    root = folder.resolve()
    path = root.joinpath(*PurePosixPath(name).parts)
    if not path.parent.resolve().is_relative_to(root):
        raise Damaged(f"The file {name[:200]!a} is not written: a link leads out of {folder}.")
    return path


def _fault(part: str) -> str:
    if part in ("", ".", ".."):
        return "it could lie outside of the folder"
    if not part.isprintable() or _BAD.search(part):
        return "its name has characters that a file name must not have"
    if _DEVICE.fullmatch(part) or part[-1] in ". ":
        return "its name means something else to Windows"
    if len(part.encode("utf-8", "surrogatepass")) > _LONGEST_PART:
        return "its name is too long"
    return ""


class Target:
    """Where a download goes: a file or memory. What comes is counted and digested on the way."""

    def __init__(self, file: OutputFile, path: Path | None = None) -> None:
        self._file, self._path = file, path
        self._draft: Path | None = None
        self._open: IO[bytes] | None = None
        self._content = bytearray()
        self._size, self._digest = 0, hashlib.sha256()

    @property
    def content(self) -> bytes:
        """What came, if it went to memory."""
        return bytes(self._content)

    def begin(self) -> None:
        """Forget what came before, and be ready. Raises Damaged, OSError."""
        self.close()
        if self._file.sha256 is None:
            raise Damaged(
                f"The file {self._file.name[:200]!a} has no SHA-256, as outputs of release 0.1: "
                "the client does not fetch what it cannot verify. Redrive or start the run anew."
            )
        self._size, self._digest = 0, hashlib.sha256()
        self._content.clear()
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._draft = self._path.with_name(f".{secrets.token_hex(8)}.part")
        # Exclusive, so that it is a new file and no link.
        self._open = self._draft.open("xb")

    def write(self, chunk: bytes) -> None:
        """Take a piece. Raises Damaged once there are more bytes than the output says."""
        self._size += len(chunk)
        if self._size > self._file.size:
            raise self._damaged(f"it has more than {self._file.size:,} bytes")
        self._digest.update(chunk)
        if self._open is None:
            self._content += chunk
        else:
            self._open.write(chunk)

    def finish(self) -> None:
        """Compare, and give the file its name, over one that is there. Raises Damaged, OSError."""
        if self._size != self._file.size:
            raise self._damaged(f"it has {self._size:,} bytes instead of {self._file.size:,}")
        if self._digest.hexdigest() != self._file.sha256:
            raise self._damaged("its SHA-256 is another one")
        if self._open is not None and self._draft is not None and self._path is not None:
            self._open.close()
            self._draft.replace(self._path)
            self._draft = None

    def close(self) -> None:
        """Remove what is not finished."""
        if self._open is not None:
            self._open.close()
            self._open = None
        if self._draft is not None:
            self._draft.unlink(missing_ok=True)
            self._draft = None

    def _damaged(self, why: str) -> Damaged:
        return Damaged(
            f"The file {self._file.name[:200]!a} is not what the output says: {why}. Fetch the "
            "outputs again; if it stays so, the file was changed after the run.",
            retry=True,
        )


def targets(files: "tuple[OutputFile, ...]", folder: Path) -> "dict[Path, OutputFile]":
    """Return where each file goes; all are checked before the first is fetched. Raises Damaged."""
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[Path, OutputFile] = {}
    spelt: set[str] = set()
    for file in files:
        path = path_below(folder, file.name)
        if str(path).casefold() in spelt:
            raise Damaged(f"Two files of the output would both be {str(path)!a}.")
        spelt.add(str(path).casefold())
        found[path] = file
    return found
