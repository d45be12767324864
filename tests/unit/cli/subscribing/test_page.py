"""`docs/subscribing.md` names commands and options that exist, and leads somewhere."""

import re
import shlex

import pytest

from pipeline.cli.registry import ENTRIES, Commands
from tests.e2e.local import ROOT
from tests.repo.pages.pipelines_page import anchors

PAGE = (ROOT / "docs/subscribing.md").read_text("utf-8")
COMMANDS = sorted({
    one.strip() for one in re.findall(r"(?:`|^|\| )(fanfare [a-z][^`#|\n]*)", PAGE, re.MULTILINE)
})  # fmt: skip


@pytest.mark.parametrize("written", COMMANDS)
def test_a_command_of_the_page_is_there_with_its_options(written):
    _, name, *words = shlex.split(written)
    known = {option for each in Commands(ENTRIES)[name].params for option in each.opts}
    assert {word for word in words if word.startswith("-")} <= known


def test_the_page_shows_the_commands():
    assert {"subscribe", "unsubscribe", "events"} <= {written.split()[1] for written in COMMANDS}
    assert len(COMMANDS) > 10


def test_its_links_lead_somewhere():
    links = re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", PAGE)
    assert len(links) > 10
    for file, anchor in links:
        target = ROOT / "docs" / file if file else ROOT / "docs/subscribing.md"
        assert target.exists(), file
        assert not anchor or anchor in anchors(target.read_text("utf-8"))


def test_what_is_said_of_each_way_says_how_far_it_was_tried():
    ways = re.split(r"^##+ ", PAGE, flags=re.MULTILINE)
    shown = [way for way in ways if way.startswith(("In ", "A web", "Mail", "Slack", "Service"))]
    assert len(shown) == 7
    assert all("*Tried:*" in way for way in shown)
