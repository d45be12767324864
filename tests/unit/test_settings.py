"""Settings that only some deployments have."""

from datetime import timedelta
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


def test_the_time_limit_is_that_of_the_functions_host():
    assert Settings.from_env(LOCAL, Path()).time_limit == timedelta(minutes=10)
    shorter = {**LOCAL, "FANFARE_TIME_LIMIT_S": "20"}
    assert Settings.from_env(shorter, Path()).time_limit == timedelta(seconds=20)


def test_a_pin_is_a_snapshot_unless_a_setting_says_copy():
    assert Settings.from_env(LOCAL, Path()).pin == "snapshot"
    assert Settings.from_env({**LOCAL, "FANFARE_PIN": "copy"}, Path()).pin == "copy"
    with pytest.raises(SettingMissing, match="must be snapshot or copy, not 'etag'"):
        Settings.from_env({**LOCAL, "FANFARE_PIN": "etag"}, Path())
