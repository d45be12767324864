"""This release continues from what earlier ones stored, and tolerates what later ones add.

Each sample is a whole world at a moment of a run at which the process died, and its outcome in the
release that kept it. See `record.py`.
"""

import gzip
import json
from pathlib import Path

import pytest

from tests.compatibility.later import kept, sent_by_a_later_release, with_additions
from tests.compatibility.moments import carried_on, outcome
from tests.compatibility.worlds import restore

FOLDER = Path(__file__).parent / "releases"
RELEASES = {
    path.name.removesuffix(".json.gz"): json.loads(gzip.decompress(path.read_bytes()))
    for path in sorted(FOLDER.glob("*.json.gz"))
}
MOMENTS = [(release, moment) for release, kept_ in RELEASES.items() for moment in kept_]


def world_of(release, moment):
    """Return a copy of a sample's world, since restoring changes it."""
    return json.loads(json.dumps(RELEASES[release][moment]["world"]))


@pytest.mark.parametrize(("release", "moment"), MOMENTS)
def test_a_run_of_an_earlier_release_ends_as_it_would_have(release, moment):
    app = carried_on(restore(world_of(release, moment)))
    app.settle()
    assert outcome(app) == RELEASES[release][moment]["outcome"]


@pytest.mark.parametrize(("release", "moment"), MOMENTS)
def test_what_a_later_release_adds_is_ignored(release, moment):
    app = carried_on(restore(with_additions(world_of(release, moment))))
    app.settle()
    assert outcome(app) == RELEASES[release][moment]["outcome"]


@pytest.mark.parametrize(("release", "moment"), MOMENTS)
def test_columns_of_a_later_release_survive_what_this_one_writes(release, moment):
    """Instances of both releases work on one run while an update rolls out."""
    world = with_additions(world_of(release, moment))
    app = carried_on(restore(world))
    app.settle()
    before = {
        row["key"] for row in world["rows"] if row["table"] == "runs" and ":" not in row["key"]
    }
    now = {row.key: row.values for row in app.world.tables.rows("runs") if row.key in before}
    lost = [key for key in now if not key.startswith("!") and not kept(now[key])]
    assert not lost


def test_a_message_of_a_later_release_is_understood():
    assert sent_by_a_later_release().run == "job-0"


def test_samples_cover_every_state_that_a_run_can_be_in():
    from pipeline.domain.runs.lifecycle import State  # noqa: PLC0415 read beside its use

    for release, moments in RELEASES.items():
        seen = {str(state) for state in State if any(f"-{state}" in title for title in moments)}
        assert seen == set(map(str, State)), release
