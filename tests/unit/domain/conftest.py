"""A folder with one good pipeline, its pool and scripts, in which a test breaks definitions."""

from pathlib import Path
from textwrap import dedent

import pytest

from pipeline.domain.catalogue.catalogue import Catalogue, DefinitionError, load_catalogue

PIPELINE = """\
trigger:
  blob: {container: input, suffix: .mp4}
parameters:
  crf: {type: integer, default: 23, minimum: 0, maximum: 51}
split:
  frames: {step: 33}
task:
  program: encode.py
  arguments: ["{input}", "{start}", "{crf}"]
  environment: media
pool: cpu
assemble:
  program: {program: concat.py, arguments: ["{parts}"]}
"""
POOL = """\
size: Standard_D2s_v5
image: {publisher: canonical, offer: ubuntu, sku: server, agent: batch.node.ubuntu 24.04}
slots: 2
memory: 7g
nodes: {maximum: 4}
"""


class Workshop:
    """Writes definitions into a folder and loads them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("pipelines", "pools", "task_scripts/environments"):
            (root / folder).mkdir(parents=True)
        for script in ("encode.py", "concat.py", "runner.py", "media_split.py"):
            (root / "task_scripts" / script).touch()
        (root / "task_scripts/environments/media.txt").touch()
        self.pool("cpu", POOL)

    def pool(self, name: str, text: str | bytes) -> None:
        self._write(f"pools/{name}.yaml", text)

    def pipeline(self, name: str, text: str | bytes = PIPELINE) -> None:
        self._write(f"pipelines/{name}.yaml", text)

    def changed(self, old: str, new: str, name: str = "demo") -> None:
        """Write the good pipeline with one text replaced."""
        assert old in PIPELINE
        self.pipeline(name, PIPELINE.replace(old, new))

    def load(self) -> Catalogue:
        return load_catalogue(
            self.root / "pipelines", self.root / "pools", self.root / "task_scripts"
        )

    def problems(self) -> list[str]:
        with pytest.raises(DefinitionError) as caught:
            self.load()
        return str(caught.value).splitlines()

    def _write(self, place: str, text: str | bytes) -> None:
        data = text if isinstance(text, bytes) else dedent(text).encode()
        (self.root / place).write_bytes(data)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)
