"""What docs/ci.md shows: programs for pytest, and jobs of GitHub Actions."""

import re

import yaml

from tests.e2e.local import ROOT

PAGE = (ROOT / "docs/ci.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """Return the page's blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def jobs() -> list[dict]:
    """Return the job `test` of each workflow of the page."""
    return [yaml.safe_load(text)["jobs"]["test"] for text in blocks("yaml")]


def steps(job: dict) -> dict[str, str]:
    """Return the scripts of a job's steps by their names."""
    return {step["name"]: step["run"] for step in job["steps"] if "run" in step}
