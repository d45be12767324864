"""What the splits of a text, of a table, of bytes and of a list hand to each item."""

import codecs
import json

import pytest

from pipeline.domain.runs.naming import BlobRef
from pipeline.handlers.ending import steer
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import PLAIN, content_of, manifest_of

TRIGGER = "trigger: {blob: {container: input, prefix: lines/}}\npool: cpu\n"
TEXT = "assemble: {concatenate: {format: text, name: all.txt}}\n"


def task(*arguments):
    return f"task: {{program: work.py, arguments: {json.dumps(arguments)}}}\n"


def part_of(item):
    """Write the item's part of the input."""
    return [("part.txt", item.part())]


def lines_of(item):
    """Write the item's lines as it got them as text."""
    return [("part.txt", str(item.parameters.get("lines", item.parameters.get("line"))).encode())]


def finished(app, content):
    app.upload("lines/a.txt", content)
    app.settle()
    run = app.only_run()
    return (run.state, run.error) if run.state == "failed" else content_of(app, run)


def parameters(app):
    """Return what each item of the plan has."""
    folder = app.only_run().plan.folder
    page = json.loads(app.world.blobs.read(BlobRef("engine", f"{folder}/p-00000.json")))
    return [item["parameters"] for task in page["tasks"] for item in task["items"]]


def test_lines_come_as_a_file_where_the_arguments_say_so(app_with):
    split = "split: {lines: {lines_per_item: 2}}\n"
    app = app_with(TRIGGER + PLAIN + split + task("{lines_file}"), program=part_of)
    assert finished(app, "а\r\n\nб\nв".encode()) == "а\r\nб\nв".encode()
    assert parameters(app) == [{}, {}]


@pytest.mark.parametrize("arguments", [["{lines}"], ["{output}"], ["{lines}", "{lines_file}"]])
def test_lines_come_as_text_where_the_arguments_say_so_or_name_neither(app_with, arguments):
    split = "split: {lines: {lines_per_item: 2}}\n"
    app = app_with(TRIGGER + TEXT + split + task(*arguments), program=lines_of)
    assert finished(app, b"a\r\n\nb\nc") == b"a\nb\nc\n"
    assert parameters(app) == [{"lines": "a\nb"}, {"lines": "c"}]


def test_the_data_never_decide_the_name_of_a_parameter(app_with):
    counted = (
        'parameters: {n: {type: integer, default: 1}}\nsplit: {lines: {lines_per_item: "{n}"}}\n'
    )
    app = app_with(TRIGGER + TEXT + counted + task("{lines}"), program=lines_of)
    assert finished(app, b"a\nb\n") == b"a\nb\n"
    assert parameters(app) == [{"n": 1, "lines": "a"}, {"n": 1, "lines": "b"}]


def test_lines_that_fit_no_argument_are_refused_and_the_remedy_works(app_with):
    long = "слово " * 1000 + "\n"
    split = "split: {lines: {lines_per_item: 100}}\n"
    app = app_with(TRIGGER + TEXT + split + task("{lines}"), program=lines_of)
    state, error = finished(app, long.encode() * 100)
    assert state == "failed"
    assert "take {lines_file}, which is a file" in error
    app = app_with(TRIGGER + TEXT + split + task("{lines_file}"), program=part_of)
    assert finished(app, long.encode() * 100) == long.encode() * 100


def test_a_table_gives_each_item_its_rows_under_the_header(app_with):
    table = b'\nname,note\nAnn,"two\nlines"\nBob,x\n\nCid,y'
    seen = []

    def program(item):
        seen.append(item.part())
        return part_of(item)

    csv = "assemble: {concatenate: {format: csv, name: all.csv}}\n"
    split = "split: {csv: {rows_per_item: 2}}\n"
    app = app_with(TRIGGER + csv + split + task("{rows_file}"), program=program)
    assert finished(app, table) == b'name,note\nAnn,"two\nlines"\nBob,x\nCid,y\n'
    assert seen == [b'name,note\nAnn,"two\nlines"\nBob,x\n', b"name,note\nCid,y"]
    assert parameters(app) == [
        {"start": 0, "end": 2, "index": 0},
        {"start": 2, "end": 3, "index": 1},
    ]


def test_a_text_in_another_encoding_reaches_items_in_utf_8(app_with):
    split = "split: {lines: {encoding: windows-1251}}\n"
    app = app_with(TRIGGER + TEXT + split + task("{lines_file}"), program=part_of)
    assert finished(app, "а\nб\n".encode("windows-1251")) == "а\nб\n".encode()
    csv = "split: {csv: {header: false, delimiter: ';'}}\n"
    app = app_with(TRIGGER + TEXT + csv + task("{rows_file}"), program=part_of)
    content = codecs.BOM_UTF16_LE + "а;б\r\nв;г".encode("utf-16-le")
    assert finished(app, content) == "а;б\nв;г\n".encode()


def test_bytes_are_cut_where_records_end(app_with):
    split = 'split: {bytes: {bytes_per_item: 3, record_end: "\\x1e"}}\n'
    app = app_with(TRIGGER + PLAIN + split + task("{bytes_file}"), program=part_of)
    content = b"ab\x1e\xff\x1ecdefg\x1e\0"
    assert finished(app, content) == content
    assert [(given["start"], given["end"]) for given in parameters(app)] == [
        (0, 3), (3, 11), (11, 12),
    ]  # fmt: skip


def test_a_list_of_blobs_pins_each_of_them(app_with):
    split = "split: {manifest: {container: input, parameters: [n]}}\n"
    app = app_with(
        TRIGGER + PLAIN + split + task("{input}", "{n}"),
        program=lambda item: [("part.txt", item.content() + str(item.parameters["n"]).encode())],
    )
    for name in ("x.txt", "y z.txt"):
        app.world.blobs.put("input", name, name[0].encode())
    listed = [{"blob": "y z.txt", "n": 1}, {"blob": "x.txt", "n": 2}, {"blob": "x.txt", "n": 3}]
    assert finished(app, json.dumps(listed).encode()) == b"y1x2x3"


def test_a_list_names_a_blob_that_is_missing(app_with):
    split = "split: {manifest: {container: input}}\n"
    app = app_with(TRIGGER + PLAIN + split + task("{input}"))
    app.world.blobs.put("input", "x")
    state, error = finished(app, b'["x", "gone"]')
    assert (state, error) == (
        "failed",
        "the manifest, entry 1: there is no blob 'gone' in input",
    )


def test_a_table_of_parameters_is_a_list_of_items(app_with):
    split = "split: {manifest: {format: csv, parameters: [n, why]}}\n"
    app = app_with(
        TRIGGER + TEXT + split + task("{n}", "{why}"),
        program=lambda item: [("part.txt", "{n}: {why}".format(**item.parameters).encode())],
    )
    assert finished(app, b'why,n\n"a, b",07\n\nc,8\n') == b"07: a, b\n8: c\n"


def test_a_redrive_cuts_the_same_parts_again(app_with):
    broken = [True]

    def program(item):
        return Failure() if broken[0] and item.id else part_of(item)

    split = "split: {csv: {}}\n"
    text = "assemble: {concatenate: {format: csv, name: all.csv}}\n"
    app = app_with(TRIGGER + text + split + task("{rows_file}"), program=program)
    app.upload("lines/a.txt", b"n\n1\n2\n")
    app.settle()
    broken[0] = False
    steer.redrive(app.engine, app.only_run().id)
    app.settle()
    run = app.only_run()
    assert (run.state, content_of(app, run)) == ("succeeded", b"n\n1\n2\n")


@pytest.mark.parametrize(
    ("split", "content", "said"),
    [
        ("lines: {}", b"a\nb\xff\n", "not utf-8: byte 3 is 0xff"),
        ("lines: {}", "ab\n".encode("utf-16-be"), "name its encoding"),
        ("lines: {}", b"\n \r\n\t", "no lines: there is nothing to do"),
        ("lines: {encoding: utf-16-le}", b"\xef\xbb\xbfa\n", "mark of utf-8, but"),
        ("csv: {}", b'a,b\n"1,2\n', "row at byte 4 has a quote that is never closed"),
        ("csv: {}", b"a,b\n", "the table has no rows"),
        ("manifest: {container: input}", b"{}", "the manifest is not a list"),
        ("manifest: {container: input}", b"[]", "the manifest is empty"),
    ],
)
def test_an_input_that_cannot_be_split_rightly_ends_the_run_before_any_task(
    app_with, split, content, said
):
    app = app_with(TRIGGER + TEXT + f"split: {{{split}}}\n" + task("{output}"))
    state, error = finished(app, content)
    assert state == "failed"
    assert said in error
    assert app.only_run().cause == "plan-failed"


def test_the_manifest_of_the_output_has_the_content_types(app_with):
    app = app_with(TRIGGER + TEXT + "split: {lines: {}}\n" + task("{line}"), program=lines_of)
    assert finished(app, b"a\n") == b"a\n"
    (file,) = manifest_of(app, app.only_run())["files"]
    assert file["content_type"] == "text/plain; charset=utf-8"
