"""Definitions for tests: a small pool, empty scripts, and pipelines; read once per process."""

import functools
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline import bootstrap
from pipeline.domain.catalogue.catalogue import Catalogue, load_catalogue
from pipeline.domain.catalogue.programs import RUNNER
from pipeline.handlers.engine import Engine
from pipeline.ports.world import Ports
from pipeline.settings import Patience

PULLED = "docker.io/library/pulled:1"
POOL = """
description: test pool
size: Standard_D2s_v5
image: {publisher: canonical, offer: ubuntu-24_04-lts, sku: server, agent: batch.node.ubuntu 24.04}
slots: 2
memory: 7g
nodes: {maximum: 4}
price: {per_hour: 0.36, currency: USD, source: test, date: 2026-09-01}
"""
BASE = POOL.replace("slots: 2\n", "")
GPU_POOLS = {
    "cards": "gpu: nvidia\ngpus: 2\nslots: 2\n",
    "crate": f"gpu: nvidia\ncontainers: {{images: [{PULLED}]}}\n",
    "crates": f"gpu: nvidia\ngpus: 2\nslots: 2\ncontainers: {{images: [{PULLED}]}}\n",
}
SCRIPTS = ("work.py", "runner.py", "runner_fetch.py", "environment.py", "join.py", "cut.py")
SCRIPTS += ("media_split.py",)


@dataclass(frozen=True)
class Definitions:
    """The content of a folder: checked pipelines and pools, and the files of task_scripts/."""

    catalogue: Catalogue
    scripts: dict[str, bytes]

    @classmethod
    def of(cls, folder: Path) -> "Definitions":
        """Read pipelines/, pools/ and task_scripts/ below a folder."""
        catalogue = load_catalogue(folder / "pipelines", folder / "pools", folder / "task_scripts")
        programs = folder / "task_scripts"
        scripts = bootstrap.deployed(programs, runtime=programs / "runtime")
        return cls(catalogue, scripts)

    def engine(self, ports: Ports) -> Engine:
        """Make an engine of these definitions over ports."""
        pools = dict(self.catalogue.pools)  # a copy: a test may remove a pool
        catalogue = Catalogue(pipelines=dict(self.catalogue.pipelines), pools=pools)
        return Engine(ports, catalogue, Patience(), self.scripts)


def older_runner(scripts: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files as a release had them whose runner was files, and fetched none."""
    return {name: code for name, code in scripts.items() if name != RUNNER} | {"runner.py": b"#"}


@functools.cache
def written(pipelines: tuple[tuple[str, str], ...]) -> Definitions:
    """Write pipelines to a folder as a user would, and read them as the app does."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("pipelines", "pools", "task_scripts/environments"):
            (folder / part).mkdir(parents=True)
        (folder / "pools/cpu.yaml").write_text(POOL)
        if any("pool: boxes" in text for _, text in pipelines):
            boxes = f"{POOL}containers: {{images: [{PULLED}]}}\n"
            (folder / "pools/boxes.yaml").write_text(boxes)
        for pool, more in GPU_POOLS.items():
            if any(f"pool: {pool}" in text for _, text in pipelines):
                (folder / f"pools/{pool}.yaml").write_text(f"{BASE}{more}")
        for script in SCRIPTS:
            (folder / "task_scripts" / script).write_text(f"# {script}\n")
        (folder / "task_scripts/environments/media.txt").write_text("# media.txt\n")
        for pipeline, text in pipelines:
            (folder / f"pipelines/{pipeline}.yaml").write_text(text)
        return Definitions.of(folder)
