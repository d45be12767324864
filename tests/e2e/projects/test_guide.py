"""The guide's commands do what the guide says, page after page, in one folder."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.local import ROOT
from tests.e2e.test_cli import MAIN
from tests.patience import stretched

GUIDE = ROOT / "docs" / "guide"
PAGES = sorted(GUIDE.glob("[0-9]*.md"), key=lambda page: int(page.name.partition("-")[0]))
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What a reader should see after a page, by its number.
SEEN = {
    1: ["ROSES ARE RED", "succeeded"],
    2: ["1 passed", "{input}"],
    3: ['"words": 6', "pipelines/wrong.yaml:4", "{piece}"],
    5: ["exit code 1", "I do not like violets"],
    6: ["the answer is there", "1 ok"],
    7: ["app.zip"],
}


class Reader:
    """Somebody who types the commands of a page in a shell."""

    def __init__(self, folder: Path) -> None:
        self.cwd, self._bin, self._cache = folder, folder / "bin", folder / "cache"
        self._bin.mkdir()
        fanfare = self._bin / "fanfare"
        fanfare.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{MAIN}' \"$@\"\n")
        fanfare.chmod(0o755)

    def types(self, commands: str) -> subprocess.CompletedProcess[str]:
        """Run commands in a shell that ends at the first that fails; remember its folder."""
        where = self._bin / "folder"
        script = f"set -euo pipefail\n{commands}\npwd > {where}\n"
        path = f"{self._bin}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.cwd, capture_output=True, text=True,
            env={**os.environ, "PATH": path, "XDG_CACHE_HOME": str(self._cache)},
            timeout=stretched(110), check=False,
        )  # fmt: skip
        if done.returncode == 0:
            self.cwd = Path(where.read_text().strip())
        return done


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    made = Reader(tmp_path_factory.mktemp("guide"))
    yield made
    made.types("fanfare down --force || true")


def test_every_page_is_in_the_contents_and_leads_to_the_next():
    contents = (GUIDE / "README.md").read_text("utf-8")
    assert re.findall(r"\]\((\d+-[\w-]+\.md)\)", contents) == [page.name for page in PAGES]
    for page, following in itertools.pairwise(PAGES):
        assert f"]({following.name})" in page.read_text("utf-8"), page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_work(reader, page):
    blocks = _BLOCK.findall(page.read_text("utf-8"))
    done = reader.types("\n".join(blocks))
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    number = int(page.name.partition("-")[0])
    assert not [text for text in SEEN.get(number, []) if text not in told], told
