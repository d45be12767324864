"""Outputs on disk: names are hostile, bytes are verified, and nothing unfinished is left behind."""

import hashlib

import httpx
import pytest
from fanfare import Conflict, Damaged, OutputFile, Unreachable
from fanfare.effects import Send, Sleep
from fanfare.files import path_below
from fanfare.flows import App, read
from fanfare.wire import Answer, NoAnswer, Request

from tests.client.site import APP

CONTENT = b"0\n1\n"


def finished(client, site):
    run = client.start("job", b"one\ntwo\n")
    site.app.settle()
    return run


def file(name="a.txt", content=b"abc", **other):
    digest = hashlib.sha256(content).hexdigest()
    given = {"size": len(content), "sha256": digest, "content_type": "", "url": f"{APP}/signed"}
    return OutputFile(name, **{**given, **other})


def serves(content):
    return lambda _: httpx.Response(200, content=content)


def test_an_output_is_listed_downloaded_and_read(client, site, tmp_path):
    outputs = client.outputs(finished(client, site))
    (only,) = outputs.files
    assert (only.name, only.size, outputs["all.txt"]) == ("all.txt", len(CONTENT), only)
    assert only.sha256 == hashlib.sha256(CONTENT).hexdigest()
    (path,) = client.download(outputs, tmp_path / "new/folder")
    assert path == tmp_path / "new/folder/all.txt"
    assert path.read_bytes() == client.read(only) == CONTENT
    assert client.download(only, tmp_path) == [tmp_path / "all.txt"]


def test_an_output_of_many_pages_is_listed_whole(client, site):
    page = client.outputs(finished(client, site)).files[0]

    def many(request):
        first = int(request.url.params["skip"])
        names = [f"{n:04}.txt" for n in range(2500)][first : first + 1000]
        digest = {"algorithm": "sha256", "value": page.sha256}
        files = [{"name": n, "size": 4, "digest": digest, "url": page.url} for n in names]
        end = "2026-09-01T11:00:00Z"
        body = {"run": "r", "generation": 1, "total": 2500, "files": files, "expires_at": end}
        return httpx.Response(200, json=body)

    for _ in range(3):
        site.once(many)
    assert [f.name for f in client.outputs("r").files] == [f"{n:04}.txt" for n in range(2500)]


def test_a_name_that_an_output_does_not_have_is_a_key_error(client, site):
    with pytest.raises(KeyError, match="loud"):
        client.outputs(finished(client, site))["loud.txt"]


def test_a_run_without_output_is_a_conflict(client):
    with pytest.raises(Conflict, match="has no output"):
        client.outputs(client.start("job", b"one\n"))


UNSAFE = (
    "../a", "a/../../b", "/etc/passwd", "a//b", "./a", "a/.", "", "a/", "..", "a\\..\\b", "C:a",
    "a:b", "a\0b", "a\nb", "nul", "CON.txt", "x/lpt1", "com¹.csv", "a.", "a ", "x" * 256, "a?b",
    "\u202eexe.txt", "ü" * 128,
)  # fmt: skip


@pytest.mark.parametrize("name", UNSAFE, ids=range(len(UNSAFE)))
def test_a_name_that_is_not_safe_is_refused_before_anything_is_fetched(
    client, site, tmp_path, name
):
    with pytest.raises(Damaged, match="is not written"):
        client.download(file(name), tmp_path / "out")
    assert site.asked == []
    assert list(tmp_path.rglob("*")) == [tmp_path / "out"]


@pytest.mark.parametrize("name", ["a", "a/b/c.txt", ".hidden", "ü n.txt", "a..b", "con1", "-rf"])
def test_other_names_are_files_below_the_folder(tmp_path, name):
    assert path_below(tmp_path, name) == tmp_path / name


def test_nothing_is_written_through_a_link(client, site, tmp_path):
    outside, out = tmp_path / "outside", tmp_path / "out"
    outside.mkdir()
    out.mkdir()
    (out / "sub").symlink_to(outside)
    with pytest.raises(Damaged, match="a link leads out"):
        client.download(file("sub/a.txt"), out)
    (outside / "kept").write_bytes(b"kept")
    (out / "a.txt").symlink_to(outside / "kept")
    site.once(serves(b"abc"))
    client.download(file("a.txt"), out)
    assert (outside / "kept").read_bytes() == b"kept"
    assert not (out / "a.txt").is_symlink()


def test_two_files_that_one_file_system_takes_for_one_are_refused(client, site, tmp_path):
    run = finished(client, site)
    outputs = client.outputs(run)
    twins = type(outputs)(run.id, 1, (file("A.txt"), file("a.txt")), outputs.expires_at)
    with pytest.raises(Damaged, match="Two files"):
        client.download(twins, tmp_path)


@pytest.mark.parametrize("content", [b"abd", b"ab", b"abcd", b"", b"x" * 3_000_000])
def test_a_file_that_is_not_what_the_output_says_is_not_there(client, site, tmp_path, content):
    (tmp_path / "a.txt").write_bytes(b"before")
    site.once(serves(content))
    with pytest.raises(Damaged, match="not what the output says"):
        client.download(file(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_bytes() == b"before"


def test_a_file_without_a_sha256_is_not_fetched(client, site, tmp_path):
    with pytest.raises(Damaged, match="has no SHA-256"):
        client.download(file(sha256=None), tmp_path)
    assert site.asked == []


def test_a_download_that_breaks_begins_anew_with_a_bound(client, site, tmp_path):
    def breaks(_):
        raise httpx.ReadError("reset")

    site.once(breaks)
    site.once(serves(b"abc"))
    assert client.download(file(), tmp_path)[0].read_bytes() == b"abc"
    for _ in range(4):
        site.once(breaks)
    with pytest.raises(Unreachable):
        client.download(file(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504])
def test_a_download_that_storage_refuses_for_a_moment_is_repeated(client, site, status):
    site.once(lambda _: httpx.Response(status, text="busy"))
    site.once(serves(b"abc"))
    assert client.read(file()) == b"abc"


def test_a_download_pauses_as_long_as_storage_asks_and_begins_anew():
    flow = read(App(APP), file())
    first = next(flow)
    assert isinstance(first, Send)
    assert flow.send(Answer(503, {"retry-after": "7"}, b"")) == Sleep(7.0)
    again = next(flow)
    again.sink(b"a")
    assert isinstance(flow.throw(NoAnswer("reset", sent=True)), Sleep)
    last = next(flow)
    last.sink(b"abc")
    finish = flow.send(Answer(200, {}, b""))
    finish.action()
    with pytest.raises(StopIteration) as ended:
        next(flow)
    assert ended.value.value == b"abc"


def test_a_download_for_which_storage_asks_a_long_pause_is_not_repeated(client, site):
    site.once(lambda _: httpx.Response(503, headers={"Retry-After": "60"}))
    with pytest.raises(Unreachable) as refused:
        client.read(file())
    assert (refused.value.retry, len(site.asked)) == (True, 1)


def test_signed_urls_are_in_no_message_and_in_no_representation(client, site, tmp_path):
    secret = file(url=f"{APP}/signed?sig=secret")
    site.once(lambda _: httpx.Response(403, text="denied"))
    with pytest.raises(Exception, match="denied") as error:
        client.download(secret, tmp_path)
    assert "secret" not in str(error.value) + repr(secret)


def test_a_key_is_in_no_representation():
    request = Request("GET", APP, headers={"x-functions-key": "secret"})
    assert "secret" not in repr(request) + repr(App(APP, "secret"))


def test_a_folder_that_cannot_be_written_is_the_systems_own_error(client, tmp_path):
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(OSError, match="taken"):
        client.download(file(), tmp_path / "taken")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
