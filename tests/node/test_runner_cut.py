"""The runner cuts an item's part out of the input of the task."""

import codecs
import io

import pytest

from pipeline.domain.plans.cuts import Lines, split_lines
from pipeline.domain.texts import records
from pipeline.domain.texts.encodings import opened
from task_scripts.runtime.files.runner_cut import Cutter
from task_scripts.runtime.files.runner_folder import Folder

TEXT = "name\nä\n\nб\nend"


def part(folder, content, spans, encoding="utf-8"):
    (folder / "input.txt").write_bytes(content)
    cut, target = {"placeholder": "lines_file", "encoding": encoding}, io.BytesIO()
    Cutter(cut, Folder.at(folder)).part(folder / "input.txt", spans, target)
    return target.getvalue()


def test_a_part_has_the_bytes_of_its_spans_one_after_another(tmp_path):
    assert part(tmp_path, b"0123456789", [(8, 10), (0, 2), (3, 3)]) == b"8901"


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (b"", "koi8-r"),
    ],
)
def test_the_engine_and_the_node_mean_the_same_places(tmp_path, mark, encoding):
    text = TEXT.replace("ä", "я")
    content = mark + text.encode(encoding)
    whole = opened([content], None if mark else encoding)
    found = records.lines(whole.utf8(), whole.start)
    parts = [
        part(tmp_path, content, item.spans, whole.encoding)
        for item in split_lines(found, Lines(2, text=None, file=True))
    ]
    assert [p.decode() for p in parts] == ["name\nя\n", "б\nend"]


def test_an_input_that_is_shorter_than_the_plan_says_is_no_success(tmp_path):
    with pytest.raises(OSError, match="shorter than the plan says"):
        part(tmp_path, b"abc", [(0, 4)])


def test_bytes_that_are_not_in_the_encoding_are_no_success(tmp_path):
    with pytest.raises(UnicodeDecodeError):
        part(tmp_path, b"abc", [(0, 1)], "utf-16-le")
