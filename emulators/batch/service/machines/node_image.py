"""What programs on nodes find installed: the system's folders, and a Python without packages.

The PATH of the person who started the emulator, and the packages of its Python, stay out of sight,
because no node in Azure has them. `machine.json` beside the interpreter lists them, so that a
program's failure can say what only this machine has.
"""

import json
import os
import shutil
import site
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from emulators.batch.options import Options

SYSTEM = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PYTHONS = ("python3", f"python3.{sys.version_info.minor}")


@dataclass(frozen=True, slots=True)
class NodeImage:
    """The image of all nodes, below the data folder; `given` is another PATH that replaces it."""

    data: Path
    given: str = ""

    @classmethod
    def of(cls, options: Options) -> Self:
        """Return the image that the command line asks for."""
        return cls(options.data, options.node_path)

    @property
    def path(self) -> str:
        """Return the PATH of programs on nodes."""
        return self.given or f"{self.folder / 'bin'}:{SYSTEM}"

    def make(self) -> None:
        """Make the interpreter anew, in milliseconds, because this Python may have changed."""
        if self.given:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        venv.EnvBuilder(symlinks=True).create(self.folder)
        programs = self.folder / "bin"
        interpreter = (programs / "python3").resolve()
        for program in programs.iterdir():
            program.unlink()
        for name in _PYTHONS:  # most images have no program called `python`
            (programs / name).symlink_to(interpreter)
        here = {"path": os.environ.get("PATH", ""), "packages": _packages()}
        (self.folder / "machine.json").write_text(json.dumps(here), "utf-8")

    def only_here(self, program: str) -> str:
        """Return where this machine has a program that its nodes lack, or an empty text."""
        return "" if "/" in program else shutil.which(program) or ""

    @property
    def folder(self) -> Path:
        """Return the folder of the interpreter."""
        return (self.data / "image").absolute()


def _packages() -> list[str]:
    """Return the folders with the packages of this Python."""
    return [folder for folder in site.getsitepackages() if Path(folder).is_dir()]


if __name__ == "__main__":  # the folder in which another program keeps such an image
    NodeImage(Path(sys.argv[1])).make()
