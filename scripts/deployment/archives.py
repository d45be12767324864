"""Packs the wheels of every environment beside its requirements; needs Python and pip alone.

A deployer's machine may have nothing else (`azure.yaml`). So a file that `make render` writes says
for which processors pipelines want an environment.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from pipeline.cli.project.archives import (  # noqa: E402 - found by the line above
    archive_of,
    wanted_of,
)


def main() -> None:
    folder = ROOT / "task_scripts" / "environments"
    catalogued = json.loads((ROOT / "infra" / "environments.json").read_text("utf-8"))
    for requirements, architecture in wanted_of(folder, catalogued):
        archive = archive_of(requirements, folder, architecture)
        print(f"{archive.name}: {archive.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
