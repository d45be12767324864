"""A run on one screen of 80 columns and 24 lines."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from pipeline.cli.views import wording
from pipeline.cli.views.page import Page
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.manifest import Digest, Manifest, OutputFile
from pipeline.domain.runs.results import ItemOutcome, ItemResult
from pipeline.domain.runs.run import Input, Origin, OriginKind, Output, Run
from pipeline.handlers.collecting.standing import FailedItem, Standing

AT = datetime(2026, 1, 1, tzinfo=UTC)
NAME = "a very long name of a folder/" * 20
TAIL = "Traceback (most recent call last):\n" + "  File x, in f\n" * 100 + "KeyError: 1"
RUN = Run(
    id="media-encode-container-" + "0" * 20, pipeline="p", state=State.SUCCEEDED,
    origin=Origin(kind=OriginKind.BLOB, key=("k",), at=AT), definition="{}", pool="cpu",
    created_at=AT, changed_at=AT, ended_at=AT + timedelta(seconds=99), succeeded=3, failed=9,
    input=Input(container="input", name=f"{NAME}end.mp4", etag="1", size=1, url="u"),
    parameters={f"parameter{n}": "value" * 20 for n in range(9)}, node_seconds=12.0, cost=0.1,
    currency="USD", output=Output(manifest="m", manifest_etag="e", files=40, bytes=1 << 30),
)  # fmt: skip
FAILED = RUN.model_copy(
    update={"state": State.FAILED, "cause": Cause.PROGRAM_FAILED, "error": "It failed. " * 200}
)


def manifest() -> Manifest:
    files = (
        OutputFile(name=f"{n}/{NAME}x.png", url="u", size=1, etag="e", digest=Digest(value="0"))
        for n in range(40)
    )
    return Manifest(
        run=RUN.id, pipeline="p", generation=1, created_at=AT, caused_at=AT, input=None,
        parameters={}, files=tuple(files), items=1, succeeded=1, missing=(), missing_total=0,
        node_seconds=1,
    )  # fmt: skip


def failures() -> list[FailedItem]:
    return [
        FailedItem(
            f"t{n:06}", "node",
            ItemResult(
                id=n, outcome=ItemOutcome.FAILED, cause=Cause.PROGRAM_FAILED, exit_code=1, tail=TAIL
            ),
        )
        for n in range(10)
    ]  # fmt: skip


def drawn(run: Run, *, terminal: bool, remedy: str = "") -> list[str]:
    console = Console(
        width=80, height=24, force_terminal=terminal, color_system=None, file=io.StringIO()
    )
    where = Standing(run, None, 12, 40, 9, 12.0, 1 << 30, 1 << 20, remedy)
    shown = (None, failures()) if remedy else (manifest(), [])
    console.print(Page(where, *shown, AT), crop=False)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(
    ("run", "remedy"), [(RUN, ""), (FAILED, f"fanfare logs RUN; by hand: {'correct it, ' * 50}")]
)
def test_the_worst_run_fits_one_screen_and_leaves_a_line_for_the_prompt(run, remedy):
    lines = drawn(run, terminal=True, remedy=remedy)
    assert len(lines) <= 22 and max(map(len, lines)) <= 80


def test_what_tells_most_of_a_long_name_stays():
    lines = drawn(RUN, terminal=True)
    (source,) = [line for line in lines if line.startswith("  input")]
    assert "input/a very long" in source and source.rstrip().endswith("end.mp4")
    assert any("and 3" in line and "more" in line for line in lines)


def test_the_last_words_of_a_failure_stay():
    lines = drawn(FAILED, terminal=True, remedy="fanfare logs RUN")
    assert any("KeyError: 1" in line for line in lines)
    assert any("9 more; fanfare logs" in line for line in lines)


def test_a_pipe_gets_everything_that_is_shown():
    lines = drawn(FAILED, terminal=False, remedy="fanfare logs RUN")
    assert sum("KeyError: 1" in line for line in lines) == 10


@pytest.mark.parametrize(
    ("width", "expected"), [(None, "0123456789"), (10, "0123456789"), (7, "01…6789"), (0, "…9")]
)
def test_a_name_is_shortened_in_its_middle(width, expected):
    assert wording.shortened("0123456789", width) == expected
