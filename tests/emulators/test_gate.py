"""The decisions of the gate, without an emulator."""

from dataclasses import replace

import pytest

from emulators._gate import JSON, LOOPBACK, Asked, Entry, entry_of, host_name, refusal

FREE = Entry("/free/", kinds=JSON)
LOCKED = Entry("/locked/", key=True, kinds=JSON)
ANY_BODY = Entry("/any/")
GOOD = Asked(hosts=("127.0.0.1:80",), kinds=("application/json",), has_body=True, shows_key=True)


def asked(entry=LOCKED, names=LOOPBACK, **change):
    return refusal(replace(GOOD, **change), entry, names, "x-key")


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"hosts": ()},
        {"hosts": ("LOCALHOST:1",)},
        {"hosts": ("[::1]",)},
        {"hosts": ("[::1]:65535",)},
        {"origins": ("http://127.0.0.1:80",), "sites": ("same-origin",)},
        {"origins": ("https://127.0.0.1:80",)},
        {"sites": ("none",)},
        {"kinds": ("application/json; odata=minimalmetadata",)},
        {"kinds": ("APPLICATION/JSON;charset=utf-8",)},
        {"kinds": (), "has_body": False},
        {"encodings": ("identity",)},
    ],
)
def test_a_client_without_a_page_and_our_own_page_pass(change):
    assert asked(**change) is None


@pytest.mark.parametrize(
    ("change", "status", "header"),
    [
        ({"hosts": ("evil.example",)}, 421, "Host"),
        ({"hosts": ("127.0.0.1", "evil.example")}, 421, "Host"),
        ({"hosts": ("127.0.0.1:99999",)}, 421, "Host"),
        ({"hosts": ("127.0.0.1:80@evil.example",)}, 421, "Host"),
        ({"hosts": ("localhost\udcff",)}, 421, "Host"),
        ({"hosts": ("",)}, 421, "Host"),
        ({"hosts": ("127.0.0.1\n",)}, 421, "Host"),
        ({"origins": ("http://evil.example",)}, 403, "Origin"),
        ({"origins": ("null",)}, 403, "Origin"),
        ({"origins": ("",)}, 403, "Origin"),
        ({"origins": ("http://127.0.0.1:81",)}, 403, "Origin"),
        ({"origins": ("http://127.0.0.1:80", "http://evil.example")}, 403, "Origin"),
        ({"origins": ("http://127.0.0.1:80",), "hosts": ()}, 403, "Origin"),
        ({"sites": ("cross-site",)}, 403, "Sec-Fetch-Site"),
        ({"sites": ("same-site",)}, 403, "Sec-Fetch-Site"),
        ({"sites": ("none", "cross-site")}, 403, "Sec-Fetch-Site"),
        ({"shows_key": False}, 401, "x-key"),
        ({"kinds": ("text/plain",)}, 415, "Content-Type"),
        ({"kinds": ("text/plain; application/json",)}, 415, "Content-Type"),
        ({"kinds": ("application/json", "text/plain")}, 415, "Content-Type"),
        ({"kinds": ()}, 415, "Content-Type"),
        ({"encodings": ("gzip",)}, 415, "Content-Encoding"),
        ({"encodings": ("gzip, identity",)}, 415, "Content-Encoding"),
    ],
)
def test_a_page_of_another_site_is_refused_by_the_header_that_tells_it(change, status, header):
    found = asked(**change)
    assert (found.status, found.header) == (status, header)
    assert f"header {header} " in str(found)
    assert str(found).isascii()


def test_a_door_without_a_key_or_kinds_takes_what_it_does_not_ask_for():
    assert asked(FREE, shows_key=False) is None
    assert asked(ANY_BODY, kinds=("text/plain",), encodings=("gzip",)) is None
    assert asked(ANY_BODY, origins=("null",)).status == 403


def test_a_further_name_is_one_that_the_emulator_was_started_with():
    inside = ("host.containers.internal:80",)
    assert asked(hosts=inside, names=LOOPBACK | {"host.containers.internal"}) is None
    assert asked(hosts=inside).status == 421
    assert host_name("Host.Containers.Internal") == "host.containers.internal"
    for text in ("", "a:1", "a/b", "a b", "*"):
        with pytest.raises(ValueError):
            host_name(text)


def test_a_door_is_found_by_its_path_or_by_what_is_below_it():
    exact = Entry("/page")
    entries = (exact, FREE, LOCKED)
    assert entry_of(entries, "/page") is exact
    assert entry_of(entries, "/page/more").path == ""
    assert entry_of(entries, "/locked/deep/down") is LOCKED
    assert entry_of(entries, "/lockedly").path == ""
