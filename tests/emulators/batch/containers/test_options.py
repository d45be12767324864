"""Options of container tasks: the agent knows a list, and expands Batch's own variables."""

import pytest

from emulators.batch.containers.options import ACCEPTED, InvalidSettings, read_options

VARIABLES = {"AZ_BATCH_NODE_MOUNTS_DIR": "/n/fsmounts", "AZ_BATCH_TASK_ID": "t --privileged"}


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", []),
        ("--shm-size 8g -e A=1 -eB=2", ["--shm-size=8g", "--env=A=1", "--env=B=2"]),
        ("--env GREETING='two words'", ["--env=GREETING=two words"]),
        ("-w=/tmp --net none", ["--workdir=/tmp", "--network=none"]),
        ("--privileged --read-only=false", ["--privileged=true", "--read-only=false"]),
        ("-v /a:/b --rm", ["--volume=/a:/b"]),
        ("--entrypoint ''", ["--entrypoint="]),
    ],
)
def test_options_reach_the_engine_in_one_spelling(text: str, arguments: list[str]) -> None:
    assert read_options(text, {}).arguments == arguments


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("--gpus all", "--gpus"),
        ("--rm --gpus=all --pull=always", "--gpus --pull"),
        ("--label fanfare.run=x", "--label"),
        ("--env-file /etc/shadow", "--env-file"),
        ("-it", "-i"),
        ("--rm ; touch /x", "; touch /x"),
        ("--name mine image sh", "image"),
        ("--", "--"),
    ],
)
def test_options_that_the_agent_does_not_know_are_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        read_options(text, {})
    start = "Some supplied docker options are not recognized or are unsupported: "
    assert str(refused.value).startswith(start)
    assert str(refused.value).removeprefix(start).split()[0] == named.split(maxsplit=1)[0]
    assert refused.value.settings == text


@pytest.mark.parametrize("text", ["--memory", "--rm=perhaps", "--env 'open"])
def test_options_that_are_not_well_formed_are_refused(text: str) -> None:
    with pytest.raises(InvalidSettings):
        read_options(text, {})


@pytest.mark.parametrize("name", ["$AZ_BATCH_NODE_MOUNTS_DIR", "${AZ_BATCH_NODE_MOUNTS_DIR}"])
def test_the_variables_of_batch_are_expanded_inside_options(name: str) -> None:
    found = read_options(f"--mount type=bind,source={name}/x,target=/x", VARIABLES)
    assert found.arguments == ["--mount=type=bind,source=/n/fsmounts/x,target=/x"]


def test_a_variable_adds_no_option_and_unknown_ones_stay() -> None:
    found = read_options("--name $AZ_BATCH_TASK_ID -e A=$HOME -e B=$AZ_BATCH_NONE", VARIABLES)
    expected = ["--name=t --privileged", "--env=A=$HOME", "--env=B=$AZ_BATCH_NONE"]
    assert found.arguments == expected


def test_only_rm_lets_a_container_go_in_azure() -> None:
    assert read_options("--rm", {}).removes
    assert not read_options("--rm --rm=false", {}).removes
    assert not read_options("--read-only", {}).removes


def test_every_accepted_option_says_where_it_was_seen() -> None:
    assert all(known.source for known in ACCEPTED.values())
