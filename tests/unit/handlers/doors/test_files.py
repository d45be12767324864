"""Uploads and outputs over HTTP, over the fakes: what is signed, for whom, and what is refused."""

import hashlib
import json
from dataclasses import replace

import pytest

from pipeline.domain.runs.asking.askers import Asker, AskerKind
from pipeline.handlers.doors import files, http
from tests.fakes.identity.signatures import permits
from tests.unit.handlers.conftest import LINES


@pytest.fixture
def app(app_with):
    return app_with(LINES)


def uploaded(app, **fields):
    return http.answering(lambda: files.upload(app.engine, json.dumps(fields).encode()))


def outputs(app, run_id, *asked):
    return http.answering(lambda: files.outputs(app.engine, run_id, *asked))


def start(app, source, **more):
    body = json.dumps({"pipeline": "job", "input": source, **more}).encode()
    return http.answering(lambda: http.start_run(app.engine, body, None))


def succeeded(app, content=b"one\ntwo\n"):
    reply = uploaded(app, name="a.txt")
    source = reply.body["input"]
    app.world.blobs.put(source["container"], source["name"], content)
    run = start(app, source)
    assert run.status == 202, run.body
    app.settle()
    return run.body["id"]


def test_an_upload_creates_one_blob_where_no_trigger_looks(app):
    first, second = uploaded(app, name="a b.txt"), uploaded(app, name="a b.txt")
    assert (first.status, second.status) == (200, 200)
    assert first.body["input"] != second.body["input"]
    url = first.body["url"]
    ref = app.world.blobs.at(url)
    assert {"container": ref.container, "name": ref.name} == first.body["input"]
    assert permits(url, "c")
    assert not permits(url, "r")


def by(app, name):
    return replace(app.engine, by=Asker(kind=AskerKind.USER, id=name))


def test_the_same_file_of_the_same_caller_has_one_place(app):
    body = json.dumps({"name": "a.txt", "sha256": hashlib.sha256(b"one").hexdigest()}).encode()
    first = files.upload(by(app, "ann"), body).body
    app.world.blobs.put(first["input"]["container"], first["input"]["name"], b"one")
    again, other = files.upload(by(app, "ann"), body).body, files.upload(by(app, "bob"), body).body
    assert (first["uploaded"], again["uploaded"], other["uploaded"]) == (False, True, False)
    assert first["input"] == again["input"] != other["input"]


def test_a_run_works_on_an_upload_and_its_output_is_listed_with_signed_urls(app):
    run = succeeded(app)
    reply = outputs(app, run)
    assert reply.status == 200, reply.body
    (file,) = reply.body["files"]
    assert (file["name"], reply.body["total"], reply.body["generation"]) == ("all.txt", 1, 1)
    assert permits(file["url"], "r")
    content = app.world.blobs.read(app.world.blobs.at(file["url"]))
    assert (len(content), file["digest"]["algorithm"]) == (file["size"], "sha256")


@pytest.mark.parametrize(("asked", "left"), [(("1", None), 0), (("0", "1"), 1), (("", ""), 1)])
def test_an_output_is_listed_in_pages(app, asked, left):
    reply = outputs(app, succeeded(app), *asked)
    assert (len(reply.body["files"]), reply.body["total"]) == (left, 1)


@pytest.mark.parametrize(
    "asked", [("-1", None), ("x", None), ("1e3", None), (None, "0"), (None, "1001")]
)
def test_a_page_that_cannot_be_is_400(app, asked):
    reply = outputs(app, succeeded(app), *asked)
    assert (reply.status, reply.body["retry"]) == (400, False)


def test_a_run_without_output_is_409_and_no_run_is_404(app):
    source = uploaded(app, name="a.txt").body["input"]
    app.world.blobs.put(source["container"], source["name"], b"one\n")
    run = start(app, source).body["id"]
    reply = outputs(app, run)
    assert (reply.status, reply.body["retry"]) == (409, False)
    assert "has no output: it is claimed" in reply.body["error"]
    assert outputs(app, "job-" + "0" * 20).status == 404


def test_an_output_that_was_deleted_is_404(app):
    run = succeeded(app)
    for facts in list(app.world.blobs.list("output", "")):
        app.world.blobs.delete(facts.ref)
    assert outputs(app, run).status == 404


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"name": ""},
        {"name": "a/b"},
        {"name": "a\\b"},
        {"name": ".."},
        {"name": "."},
        {"name": "a\0"},
        {"name": "a\nb"},
        {"name": "x" * 201},
        {"name": 1},
        {"name": "a", "container": "input"},
        {"name": "a", "sha256": "../" + "0" * 61},
        {"name": "a", "sha256": "A" * 64},
        {"name": "a", "sha256": "0" * 64 + "\n"},
    ],
)
def test_an_upload_of_another_name_is_400(app, fields):
    reply = uploaded(app, **fields)
    assert (reply.status, reply.body["retry"]) == (400, False)


@pytest.mark.parametrize("name", ["uploads", "job/g1/plan/x", "Uploads/a", "uploadsx/a"])
def test_nothing_else_of_the_engines_containers_is_an_input(app, name):
    app.world.blobs.put("work", name, b"one\n")
    assert start(app, {"container": "work", "name": name}).status == 400


@pytest.mark.parametrize("name", ["uploads/../job/g1/x", "uploads/./x", "uploads/x/.."])
def test_no_name_leaves_the_uploads(app, name):
    assert start(app, {"container": "work", "name": name}).status == 400
