"""What a parser and a check of names can find in the templates."""

import re

import pytest

from tests.infra.deployment import FILES, INFRA, MAIN, MODULES, PARAMETERS, resources
from tests.infra.templates.bicep import load, parse

# The functions that the templates call; a new one must exist in Bicep.
BICEPS_FUNCTIONS = {
    *("contains", "empty", "environment", "guid", "json", "last", "loadJsonContent", "replace"),
    *("filter", "resourceGroup", "resourceId", "split", "string", "subscription", "toLower"),
    *("subscriptionResourceId", "union", "uniqueString"),
}
PLAIN_TYPES = {"bool", "int", "object", "string"}


def modules():
    """Return the file and the declaration of every module that a file uses."""
    return [(p.parent / made.what, made) for p in FILES for made in load(p).modules.values()]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_parses(path):
    assert load(path).errors == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_name_is_declared_and_every_parameter_is_used(path):
    file = load(path)
    assert file.used - file.declared - file.bound - PLAIN_TYPES == set()
    assert set(file.parameters) - file.used == set()
    assert set(file.variables) - file.used == set()
    assert file.called <= BICEPS_FUNCTIONS


def test_modules_are_given_what_they_need_and_nothing_else():
    for path, made in modules():
        takes = load(path).parameters
        needed = {name for name, required in takes.items() if required}
        given = set(made.body["params"])
        assert (made.symbol, given - set(takes), needed - given) == (made.symbol, set(), set())


def test_every_module_is_used():
    imported = {(path.parent / name).resolve() for path in FILES for name in load(path).imports}
    assert {path for path, _ in modules()} | imported == set(MODULES.values())


def test_every_output_that_is_read_is_there_and_every_output_of_a_module_is_read():
    main = load(MAIN)
    outputs = {
        (symbol, name)
        for symbol, made in main.modules.items()
        for name in load(INFRA / made.what).outputs
    }
    assert main.read_outputs == outputs


def test_parameters_of_the_file_are_parameters_of_the_template():
    parameters = load(MAIN).parameters
    assert set(PARAMETERS) <= set(parameters)
    assert {name for name, required in parameters.items() if required} <= set(PARAMETERS)


def test_no_module_waits_for_itself():
    main = load(MAIN)
    text = {symbol: repr(made.body) for symbol, made in main.modules.items()}
    waits = {
        symbol: {other for other in text if re.search(rf"\b{other}\.outputs", body)}
        | {getattr(e, "text", "") for e in main.modules[symbol].body.get("dependsOn", [])}
        for symbol, body in text.items()
    }

    def visit(symbol, path):
        assert symbol not in path, f"{' → '.join(path)} → {symbol}"
        for other in waits[symbol] - {symbol}:
            visit(other, (*path, symbol))

    for symbol in waits:
        visit(symbol, ())


@pytest.mark.parametrize(
    ("module", "first"),
    [
        ("events", {"roles", "functions", "pools"}),
        ("completion", {"subscriberRoles", "functions"}),
        ("endpoints", {"events"}),
    ],
)
def test_what_a_fresh_role_or_a_busy_account_would_refuse_is_made_late(module, first):
    waits = load(MAIN).modules[module].body["dependsOn"]
    assert {each.text for each in waits} == first


def test_files_that_templates_load_are_there():
    for path in FILES:
        for name in re.findall(r"loadJsonContent\('([^']+)'\)", path.read_text("utf-8")):
            assert (path.parent / name).is_file(), name


def test_a_pool_that_is_there_is_left_alone():
    (pool,) = resources("Microsoft.Batch/batchAccounts/pools")
    assert pool.decorators == ("onlyIfNotExists()",)


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("resource x 'a@1' = {\n  name: nowhere\n}\n", {"nowhere"}),
        ("var a = [\n  for b in c: b.d\n]\n", {"c"}),
        ("output a string = toLower(b)\n", {"b"}),
        ("output a string = filter(b, each => each.c == d)\n", {"b", "d"}),
        ("type a = {\n  b: c\n}\n", {"c"}),
        ("import { a } from 'a.bicep'\nparam b a[]\nparam c d[]\n", {"d"}),
    ],
)
def test_a_name_that_is_not_declared_is_seen(source, seen):
    file = parse(source)
    assert file.used - file.declared - file.bound == seen


@pytest.mark.parametrize("source", ["resource x 'a@1' = {\n", "param\n", "var a = {b: }\n"])
def test_what_does_not_parse_is_seen(source):
    assert parse(source).errors


@pytest.mark.parametrize(
    "kind",
    [
        "Microsoft.EventGrid/systemTopics/eventSubscriptions",
        "Microsoft.Network/privateEndpoints",
        "Microsoft.Network/virtualNetworks/subnets",
        "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
    ],
)
def test_what_a_service_refuses_to_make_at_once_is_made_one_by_one(kind):
    """Otherwise StorageAccountOperationInProgress, AnotherOperationInProgress or Conflict occur."""
    (made,) = resources(kind)
    assert made.decorators == ("batchSize(1)",)
