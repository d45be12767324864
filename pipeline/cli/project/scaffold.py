"""Makes a project: a pipeline that works, a pool, editor settings, and what deploys it."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.exits import CommandError, Exit

TEMPLATE = Path(__file__).with_name("template")
_SCHEMAS = ("pipeline", "pool")
# Names that tools would obey in the sources of the engine.
_NAMED: Mapping[str, str] = {"gitignore": ".gitignore", "vscode": ".vscode"}
_MADE = frozenset({"__pycache__"})


@dataclass(frozen=True)
class Scaffold:
    """Files to write, by their paths below the project's root."""

    files: Mapping[str, bytes]

    def write(self, root: Path) -> tuple[list[str], list[str]]:
        """Write the files that are not there; return those written, and those left as they are.

        Raises CommandError if the folder cannot be written to.
        """
        written, kept = [], []
        for name, content in self.files.items():
            path = root / name
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                if os.path.lexists(path):
                    kept.append(name)
                    continue
                with path.open("xb") as file:
                    file.write(content)
            except OSError as error:
                raise CommandError(
                    f"{path} cannot be written ({error.strerror}): choose another folder.",
                    Exit.USAGE,
                ) from error
            written.append(name)
        return written, kept


def of_template(name: str) -> Scaffold:
    """Read the files of a new project; `name` becomes the name of its deployment."""
    files = dict(_template())
    files["azure.yaml"] = files["azure.yaml"].replace(b"fanfare-project", name.encode())
    for schema in _SCHEMAS:
        source = APP_ROOT / "docs" / "schemas" / f"{schema}.schema.json"
        files[f".vscode/{schema}.schema.json"] = source.read_bytes()
    return Scaffold(files)


def _template() -> Iterator[tuple[str, bytes]]:
    for path in sorted(TEMPLATE.rglob("*")):
        parts = path.relative_to(TEMPLATE).parts
        if path.is_file() and not _MADE & set(parts):
            yield "/".join((_NAMED.get(parts[0], parts[0]), *parts[1:])), path.read_bytes()
