import os
import subprocess

import pytest

from pipeline.domain.plans.arguments import (
    ALL_TOGETHER,
    LONGEST,
    LONGEST_PARAMETERS,
    VARIABLE,
    check_arguments,
)
from pipeline.domain.plans.split import PlanError


def check(text, *arguments):
    check_arguments(7, {"lines": text}, arguments, "use fewer lines")


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        ("я" * 65_530, (), "item 7: its parameters as JSON would have .*: use fewer lines"),
        ("я" * 65_000, ("--text={lines}" + "x" * 2000,), "the argument '--text={lines}"),
        ("a" * 60_000, ("{lines}{lines}{lines}",), "would have 180,000 bytes; Linux takes 131,071"),
        ("a" * 120_000, ("{lines}",) * 9, "all arguments together"),
        ('"' * 70_000, ("{lines}",), "its parameters as JSON would have 140,013 bytes"),
    ],
)
def test_arguments_that_linux_would_not_take_are_refused(text, arguments, said):
    with pytest.raises(PlanError, match=said):
        check(text, *arguments)


def test_arguments_that_fit_pass():
    check("я" * 60_000, "{lines}", "{output}")
    check("x", *["{lines}"] * 100)


def started(argument, variables):
    ended = subprocess.run(["/bin/true", argument], env={**os.environ, **variables}, check=False)
    return ended.returncode == 0


def test_the_limits_are_those_of_the_system():
    name = VARIABLE.removesuffix("=")
    assert started("a" * LONGEST, {name: "b" * LONGEST_PARAMETERS})
    for argument, value in (("a" * (LONGEST + 1), ""), ("", "b" * (LONGEST_PARAMETERS + 1))):
        with pytest.raises(OSError, match="Argument list too long"):
            started(argument, {name: value})
    many = {f"V{number}": "c" * 100_000 for number in range(ALL_TOGETHER // 100_000)}
    assert started("a" * LONGEST, many)
