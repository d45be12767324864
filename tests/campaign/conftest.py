"""The campaign belongs to `make test-all`: it takes minutes."""

import pytest

from tests.depth import EVERYTHING

pytest.register_assert_rewrite("tests.campaign.judge", "tests.campaign.load")
collect_ignore = [] if EVERYTHING else ["test_campaign.py"]
