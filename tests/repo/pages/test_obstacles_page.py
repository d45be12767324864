"""docs/obstacles.md lists obstacles and causes, with their meanings and remedies."""

import re

from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.obstacles import ObstacleCode
from scripts.render_obstacles import PATH, rendered

TEXT = PATH.read_text("utf-8")


def test_the_table_is_that_of_the_code():
    assert rendered(TEXT) == TEXT, "run `make render`"


def test_every_code_has_one_row():
    rows = re.findall(r"^\| `([\w-]+)` \|", TEXT, re.MULTILINE)
    assert rows == [str(code) for code in (*ObstacleCode, *Cause)]
