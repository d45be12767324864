"""Words of lists to which later releases add."""

import pytest

from pipeline.domain.runs.asking.askers import AskerKind
from pipeline.domain.runs.asking.history import Act
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.obstacles import ObstacleCode
from pipeline.domain.runs.run import OriginKind


@pytest.mark.parametrize("words", [AskerKind, Act, Cause, ObstacleCode, OriginKind])
def test_a_word_of_a_later_release_reads_as_the_last_and_no_other_thing_is_a_word(words):
    assert words("a-word-to-come") is list(words)[-1]
    assert words("a-word-to-come") in ("unknown", "other")
    with pytest.raises(ValueError, match="not a valid"):
        words(3)
