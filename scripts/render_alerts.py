"""Renders the table of alerts into infra/alerts.json, which the deployment reads."""

import json
from pathlib import Path

from pipeline.domain.health.alerts import deployed

PATH = Path(__file__).resolve().parents[1] / "infra" / "alerts.json"


def rendered() -> str:
    return json.dumps(deployed(), indent=2) + "\n"


if __name__ == "__main__":
    PATH.write_text(rendered(), "utf-8")
