"""Renders pools/*.yaml into infra/pools.json, which the deployment reads."""

import json
from pathlib import Path

from pipeline.cli.target import definitions
from pipeline.domain.pools.resource import pool_resources

PATH = Path(__file__).resolve().parents[1] / "infra" / "pools.json"


def rendered() -> str:
    return json.dumps(pool_resources(definitions().pools), indent=2) + "\n"


if __name__ == "__main__":
    PATH.write_text(rendered(), "utf-8")
