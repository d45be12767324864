"""docs/http.md has every route of the function app, every status of its answers, and no other."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
PAGE = (ROOT / "docs/http.md").read_text("utf-8")
ANSWERS = ("pipeline/handlers/doors/http.py", "pipeline/domain/access.py")
OF_THE_HOST_ALONE = {421}


def routes():
    tree = ast.parse((ROOT / "function_app.py").read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "route":
            given = {k.arg: ast.literal_eval(k.value) for k in node.keywords}
            yield from (f"{method} /api/{given['route']}" for method in given["methods"])


@pytest.mark.parametrize("route", sorted(routes()))
def test_every_route_is_documented(route):
    assert f"`{route}`" in PAGE


def test_every_status_of_an_answer_is_documented_and_no_other():
    trees = [ast.parse((ROOT / path).read_text("utf-8")) for path in ANSWERS]
    said = {node.value for tree in trees for node in ast.walk(tree) if is_status(node)}
    rows = {int(status) for status in re.findall(r"^\| `(\d{3})` \|", PAGE, re.MULTILINE)}
    assert said - {200, 202} == rows - OF_THE_HOST_ALONE


def is_status(node):
    return (
        isinstance(node, ast.Constant) and isinstance(node.value, int) and 200 <= node.value < 600
    )


def test_every_documented_route_exists():
    assert set(re.findall(r"`((?:GET|POST) /api/[^`?]*)`", PAGE)) == set(routes())
