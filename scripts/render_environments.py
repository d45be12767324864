"""Renders the processors for which pipelines want each environment into infra/environments.json.

`scripts/deployment/archives.py` reads it, since it can read no definitions.
"""

import json
from pathlib import Path

from pipeline.cli.target import definitions

PATH = Path(__file__).resolve().parents[1] / "infra" / "environments.json"


def rendered() -> str:
    return json.dumps(definitions().environments, indent=2) + "\n"


if __name__ == "__main__":
    PATH.write_text(rendered(), "utf-8")
