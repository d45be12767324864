"""Settings that only some deployments have."""

from pathlib import Path

import pytest

from pipeline.settings import SettingMissing, Settings

LOCAL = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "FANFARE_BATCH_ENDPOINT": "http://127.0.0.1:1",
    "FANFARE_TOPIC_ENDPOINT": "http://127.0.0.1:2",
    "FANFARE_NODE_IDENTITY": "/node",
}


@pytest.mark.parametrize(
    ("given", "optional"),
    [
        ({}, False),
        ({"FANFARE_MISSING_GPU": ""}, False),
        ({"FANFARE_MISSING_GPU": "fail"}, False),
        ({"FANFARE_MISSING_GPU": "cpu"}, True),
    ],
)
def test_a_gpu_is_optional_only_where_a_setting_says_so(given, optional):
    assert Settings.from_env({**LOCAL, **given}, Path()).gpu_optional is optional


def test_another_word_for_it_is_refused():
    with pytest.raises(SettingMissing, match="must be fail or cpu, not 'yes'"):
        Settings.from_env({**LOCAL, "FANFARE_MISSING_GPU": "yes"}, Path())
