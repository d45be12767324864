"""Ray-traces rows of a scene with POV-Ray, and writes them as `tile.ppm`.

The scene is a stranger's program. POV-Ray runs without a shell and behind a fence: it reads its own
library and the folder of the scene, which holds nothing but the scene.
"""

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING or __package__:
    from task_scripts.render import fence as fences
    from task_scripts.render import picture as pictures
else:  # on a node the files are in one folder
    import fence as fences
    import picture as pictures

MOST_PIXELS = 1 << 26
_MEMORY = 4 << 30
_TAIL = 600
_SCENE, _FRAME, _TILE = "scene.pov", "frame.ppm", "tile.ppm"
_LIBRARY = Path("/usr/share/povray-3.7/include")
_READABLE = (
    _LIBRARY, Path("/etc/povray"), Path("/usr/share/povray-3.7"), Path("/usr/lib"), Path("/lib"),
    Path("/lib64"), Path("/usr/lib64"), Path("/etc/ld.so.cache"), Path("/dev/null"),
)  # fmt: skip
_QUIET = ("-D", "-GD", "-GR", "-GS", "+WT1")  # no window, no files of messages, one thread
# Without jitter, and with rays that depend on their own pixel alone, a tile is the whole's.
_SMOOTH = ("+A0.3", "+AM2", "-J")
_PARSING = re.compile(r"^==== \[Parsing\.\.\.\] =+\n?", re.MULTILINE)
_WRONG = re.compile(r"^(?:File '|Fatal error)", re.MULTILINE)
_GOES_ON = re.compile(r"\n(?!File '|Fatal error|Render failed|\n)")  # POV-Ray breaks at 80 letters
_SETTINGS = """[File I/O Security]
restricted
[Shellout Security]
forbidden
[Permitted Paths]
read* = {library}
read+write* = {folder}
"""


class Frame(NamedTuple):
    """What is rendered: rows of a picture, from the first up to the second."""

    width: int
    height: int
    rows: tuple[int, int]
    is_smooth: bool


def trace(povray: str, scene: Path, frame: Frame) -> pictures.Picture:
    """Ray-trace rows with a POV-Ray. Raises Unusable, NoFence."""
    folder = Path.cwd() / "scene"
    folder.mkdir()
    _prepare(scene, folder)
    start, end = frame.rows
    command = [
        povray, f"+I{_SCENE}", f"+O{_FRAME}", "+FP", "File_Gamma=sRGB", f"+L{_LIBRARY}",
        f"+W{frame.width}", f"+H{frame.height}", f"+SR{start + 1}", f"+ER{end}", *_QUIET,
        *(_SMOOTH if frame.is_smooth else ("-A",)),
    ]  # fmt: skip
    _carry_out(command, folder)
    return pictures.read_ppm(folder / _FRAME).rows(start, end)


def found(environ: Mapping[str, str]) -> str:
    """Return the path of the node's POV-Ray. Raises Unusable."""
    povray = shutil.which("povray", path=environ.get("PATH", os.defpath))
    if povray is None or not _LIBRARY.is_dir():
        raise pictures.Unusable(
            "this node has no POV-Ray: let the pool's image have the Debian packages povray and "
            "povray-includes"
        )
    return povray


def _prepare(scene: Path, folder: Path) -> None:
    """Put the scene, under a name of ours, and POV-Ray's settings into a folder."""
    shutil.copyfile(scene, folder / _SCENE)
    settings = folder / ".povray/3.7/povray.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text(_SETTINGS.format(library=_LIBRARY, folder=folder), encoding="utf-8")


def _carry_out(command: Sequence[str], folder: Path) -> None:
    """Run POV-Ray behind the fence. Raises Unusable with what it said, NoFence."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    fences.fence((*_READABLE, Path(command[0])), (folder, Path("/dev/null")))
    done = subprocess.run(
        command, cwd=folder, env={"HOME": str(folder), "LC_ALL": "C"}, stdin=subprocess.DEVNULL,
        capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode == 0 and (folder / _FRAME).is_file():
        return
    said = done.stderr.decode("utf-8", "replace")
    if done.returncode < 0:
        raise pictures.Unusable(f"POV-Ray was ended by signal {-done.returncode}")
    raise pictures.Unusable(f"POV-Ray said: {_reason(said)}")


def _reason(said: str) -> str:
    """Find what is wrong with the scene in all that POV-Ray printed.

    Another thread prints the headings: that of the parser may come after the error.
    """
    heading, wrong = _PARSING.search(said), _WRONG.search(said)
    first = min(found.start() for found in (heading, wrong) if found) if heading or wrong else 0
    lines = _GOES_ON.sub("", _PARSING.sub("", said[first:])).splitlines()
    errors = [line.strip() for line in lines if "Error:" in line] or lines
    errors = [line for line in errors if "Possible" not in line] or errors
    return " ".join(dict.fromkeys(errors))[-_TAIL:].rstrip(". \n")


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--scene", type=Path, required=True, help="the .pov file")
    for name in ("--width", "--height"):
        parser.add_argument(name, type=int, required=True, help="of the whole picture, in pixels")
    parser.add_argument("--start", type=int, required=True, help="the first row, from 0")
    parser.add_argument("--end", type=int, required=True, help="the row after the last one")
    parser.add_argument("--smooth", choices=("true", "false"), default="true")
    parser.add_argument("--output", type=Path, required=True, help="an empty folder")
    asked = parser.parse_args(argv)
    if not 0 <= asked.start < asked.end <= asked.height or asked.width < 1:
        parser.error("the rows have to lie in the picture")
    if asked.width * asked.height > MOST_PIXELS:
        parser.error(f"a picture has at most {MOST_PIXELS} pixels")
    return asked


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Write the tile of some rows."""
    asked = _arguments(argv)
    rows = (asked.start, asked.end)
    frame = Frame(asked.width, asked.height, rows, asked.smooth == "true")
    # Opened before the fence, behind which only the scene's folder can be written.
    with (asked.output / _TILE).open("wb") as tile:
        try:
            made = trace(found(environ), asked.scene, frame)
        except (pictures.Unusable, fences.NoFence) as error:
            return _refused(asked, error)
        tile.write(pictures.ppm(made))
    return 0


def _refused(asked: argparse.Namespace, error: Exception) -> int:
    text = f"{error}"
    if isinstance(error, fences.NoFence):
        text = (
            f"this node cannot fence programs off ({error}): use an image with Linux 5.13 or newer "
            "and Landlock enabled"
        )
    sys.stderr.write(f"Rows {asked.start} to {asked.end} were not rendered: {text}.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
