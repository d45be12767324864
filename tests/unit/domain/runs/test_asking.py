"""Who asked, as a value: from a token, a key or a trigger, whatever strangers put there."""

from datetime import UTC, datetime

import pytest

from pipeline.domain.runs.asking.askers import MAX_ID, MAX_NAME, Asker, AskerKind
from pipeline.domain.runs.asking.history import Act, Asked, latest, with_entry

NOW = datetime(2026, 11, 29, tzinfo=UTC)
USER = {"oid": "o-1", "sub": "s-1", "scp": "user_impersonation", "appid": "cli"}


def entry(number: int, act: Act = Act.REDRIVE) -> Asked:
    by = Asker(kind=AskerKind.USER, name=f"user {number}")
    return Asked(act=act, by=by, at=NOW, generation=number)


@pytest.mark.parametrize(
    ("claims", "kind", "name", "id_"),
    [
        ({**USER, "preferred_username": "ann@x.org"}, "user", "ann@x.org", "o-1"),
        ({**USER, "upn": "ann@x.org", "name": "Ann"}, "user", "ann@x.org", "o-1"),
        ({**USER, "unique_name": "live.com#ann"}, "user", "live.com#ann", "o-1"),
        ({"oid": "o-1", "sub": "s-1", "name": "Ann"}, "user", "Ann", "o-1"),
        ({"oid": "o-2", "azp": "app-1"}, "app", "app-1", "o-2"),
        ({"oid": "o-2", "appid": "app-1", "app_displayname": "robot"}, "app", "robot", "o-2"),
        ({"oid": "o-2", "idtyp": "app", "name": "x", "appid": "a"}, "app", "a", "o-2"),
        ({"sub": "s-3", "roles": ["Operator"]}, "app", "", "s-3"),
        ({"oid": 7, "sub": ["s"], "name": {"a": 1}}, "user", "", ""),
    ],
)
def test_a_token_tells_who_asked(claims, kind, name, id_):
    asker = Asker.of_claims(claims)
    assert (str(asker.kind), asker.name, asker.id) == (kind, name, id_)


def test_hostile_names_are_cut_and_cannot_control_a_terminal():
    name = "a\x1b[31m\r\nb\u202e\ud800" + "x" * 500
    asker = Asker.of_claims({"name": name, "oid": "o" * 500})
    assert asker.name.startswith("a?[31m b??x")
    assert (len(asker.name), len(asker.id)) == (MAX_NAME, MAX_ID)
    assert asker.name.isprintable()
    assert Asker.model_validate_json(asker.model_dump_json()) == asker


def test_of_a_key_only_the_beginning_of_its_digest_is_kept():
    key = "a-secret-key-of-the-host"
    asker = Asker.of_key(key)
    assert key not in asker.model_dump_json()
    assert asker.id == "sha256:" + asker.id[-8:]
    assert asker != Asker.of_key("another")


def test_words_of_a_later_release_are_read():
    asker = Asker.model_validate({"kind": "robot", "name": "r", "more": 1})
    assert asker.kind is AskerKind.OTHER
    assert Act("approve") is Act.OTHER


def test_a_long_history_keeps_its_beginning_and_its_latest_entries():
    history: tuple[Asked, ...] = ()
    for number in range(1, 101):
        history = with_entry(history, entry(number))
    assert [e.generation for e in history] == [1, *range(82, 101)]


def test_the_latest_entry_of_a_generation_counts():
    history = (entry(1, Act.START), entry(1, Act.CANCEL), entry(2), entry(2, Act.PURGE))
    assert str(latest(history, 1, Act.START, Act.REDRIVE)) == "user user 1"
    assert str(latest(history, 2, Act.START, Act.REDRIVE)) == "user user 2"
    assert latest(history, 2, Act.CANCEL) is None
