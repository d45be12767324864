"""Old blobs are deleted by the rules of a management policy."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from emulators.storage.lifecycle import PolicyUnusable, Rule, apply, parse_rules, read_rules
from pipeline.cli.stack.config import Keys, Wishes, stack_config

NOW = datetime(2026, 9, 1, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[3]


def policy(**changes):
    filters = {"blobTypes": ["blockBlob"], "prefixMatch": ["work/", "output/old/"]}
    delete = {"daysAfterModificationGreaterThan": 7}
    definition = {"filters": filters, "actions": {"baseBlob": {"delete": delete}}}
    rule = {"name": "r", "enabled": True, "type": "Lifecycle", "definition": definition}
    return {"rules": [rule | changes]}


def test_a_rule_strikes_by_prefix_and_age():
    work, old = parse_rules(policy())
    assert (work.container, work.prefix, old.container, old.prefix) == (
        "work",
        "",
        "output",
        "old/",
    )
    assert work.strikes("a", NOW - timedelta(days=7, seconds=1), NOW)
    assert not work.strikes("a", NOW - timedelta(days=7), NOW)
    assert not old.strikes("new/a", NOW - timedelta(days=70), NOW)
    assert list(parse_rules(policy(enabled=False))) == []


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"rules": [{}]}', '{"rules": 1, "more": 2}'])
def test_a_policy_that_is_none_is_refused_by_name(tmp_path, text):
    path = tmp_path / "policy.json"
    path.write_text(text)
    with pytest.raises(PolicyUnusable):
        read_rules(path)


def test_what_is_not_emulated_is_refused():
    with pytest.raises(PolicyUnusable, match="tierToCool is not emulated"):
        wrong = policy()
        wrong["rules"][0]["definition"]["actions"]["baseBlob"]["tierToCool"] = {}
        list(parse_rules(wrong))


def test_the_policy_of_the_deployment_holds_on_the_local_stack(tmp_path):
    path = tmp_path / "policy.json"
    config = stack_config(Keys.draw(), ROOT, ROOT, Wishes())
    path.write_text(json.dumps(config["lifecycle"]))
    assert [rule.container for rule in read_rules(path)] == ["work", "receipts"]
    assert {rule.age for rule in read_rules(path)} == {timedelta(days=7 + 30)}


def test_old_blobs_are_deleted_with_their_snapshots_and_others_stay(storage, container):
    for name in ("old/a", "old/b", "new"):
        container.upload_blob(name, b"x")
    container.get_blob_client("old/a").create_snapshot()
    rules = [
        Rule(container.container_name, "old/", timedelta()),
        Rule(container.container_name, "", timedelta(days=1)),
        Rule("nonesuch", "", timedelta()),
    ]
    assert apply(rules, storage.ready["connection_string"]) == 2
    assert [blob.name for blob in container.list_blobs(include=["snapshots"])] == ["new"]


def test_trouble_with_storage_is_one_kind_of_error(storage):
    broken = storage.ready["connection_string"].replace("AccountKey=", "AccountKey=AAAA")
    with pytest.raises(OSError, match="AuthorizationFailure"):
        apply([Rule("work", "", timedelta())], broken)
