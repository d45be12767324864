"""The file of secrets of a local stack, as people write it."""

import os
from pathlib import Path

import pytest

from pipeline.adapters.connect import connect
from pipeline.adapters.secrets.local import LocalSecrets
from pipeline.errors import SecretRefused
from pipeline.settings import SECRETS_FILE, Settings

ROOT = Path(__file__).resolve().parents[3]


def read(tmp_path, text: str | bytes, name: str = "v-1/a") -> str:
    path = tmp_path / SECRETS_FILE
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return LocalSecrets(path).read(name)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("v-1/a: plain text\n", "plain text"),
        ('v-1/a: "0123"\n', "0123"),
        ("v-1/a: no\n", "no"),
        ("V-1/A: 'it''s'\n", "it's"),
        ("v-1/a: |\n  one\n  two\n", "one\ntwo\n"),
        ("# c\nv-1/b: x\nv-1/a: y\n", "y"),
        ("\ufeffv-1/a: x\r\n", "x"),
    ],
)
def test_a_value_is_text_as_yaml_writes_it(tmp_path, text, value):
    assert read(tmp_path, text) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("v-1/a: 123\n", "The value of v-1/a in .* is no text: put it in quotes"),
        ("v-1/a:\n", "has no secret v-1/a: add a line `v-1/a: VALUE` to it"),
        ("", "is empty"),
        ("- hidden-value\n", "is not a mapping"),
        (b"v-1/a: hidden-value \xff\n", "is not UTF-8 text"),
        ("v-1/a: !!binary hidden-value\n", "is wrong in line 1"),
        ("v-1/a: &x hidden-value\n", "anchors"),
        ("v-1/a: one\nv-1/a: hidden-value\n", "is wrong in line 2"),
        ("v-1/a: 'hidden-value\n", "not valid YAML"),
        (f"v-1/a: {'hidden-value' * 30_000}\n", "is larger than 256 KiB"),
    ],
)
def test_a_file_that_is_wrong_is_told_without_any_value(tmp_path, text, said):
    with pytest.raises(SecretRefused, match=said) as caught:
        read(tmp_path, text)
    assert "hidden-value" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_pipe_in_place_of_the_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / SECRETS_FILE)
    with pytest.raises(SecretRefused, match="not a regular file"):
        LocalSecrets(tmp_path / SECRETS_FILE).read("v-1/a")


def test_a_local_stack_reads_the_file_beside_its_definitions(tmp_path):
    (tmp_path / SECRETS_FILE).write_text("v-1/a: x\n")
    needed = ("FANFARE_BATCH_ENDPOINT", "FANFARE_TOPIC_ENDPOINT", "FANFARE_NODE_IDENTITY")
    environ = {**dict.fromkeys(needed, "x"), "AzureWebJobsStorage": "AccountName=a"}
    settings = Settings.from_env({**environ, "FANFARE_DEFINITIONS": str(tmp_path)}, ROOT)
    assert connect(settings).secrets.read("v-1/a") == "x"


@pytest.mark.parametrize("ignores", [".gitignore", ".funcignore"])
def test_neither_git_nor_the_function_package_takes_the_file(ignores):
    assert SECRETS_FILE in (ROOT / ignores).read_text("utf-8").splitlines()
