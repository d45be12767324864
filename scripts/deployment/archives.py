"""Packs the wheels of every environment beside its requirements; needs Python and pip alone.

A deployer's machine may have nothing else (`azure.yaml`).
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from pipeline.cli.project.archives import archive_of  # noqa: E402 - found by the line above


def main() -> None:
    folder = ROOT / "task_scripts" / "environments"
    for requirements in sorted(folder.glob("*.txt")):
        archive = archive_of(requirements, folder)
        print(f"{archive.name}: {archive.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
