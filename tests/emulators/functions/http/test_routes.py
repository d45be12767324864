"""Route templates beyond the recorded ones: what they match, and how a path is decoded."""

import pytest

from emulators.functions.http.routes import RouteTemplate, path_of


@pytest.mark.parametrize(
    ("template", "target", "values"),
    [
        ("api/items/{id:int}/{rest?}", "/api/items/7/", {"id": "7"}),
        ("api/{*rest}", "/api/a/b%2Fc", {"rest": "a/b%2Fc"}),
        ("api/{name}", "/api/%C3%BC%0A", {"name": "ü\n"}),
        ("api/{id:nonfile}", "/api/a", {"id": "a"}),
        ("api/{id:nonfile}", "/api/a.b", None),
        ("api/{id=5}", "/api", {"id": "5"}),
        ("api/{name}.{ext?}", "/api/a", {"name": "a"}),
        ("api/{id:maxlength(2)}", "/api/abc", None),
    ],
)
def test_routes_match_as_templates_say(template, target, values):
    assert RouteTemplate(template).match(path_of(target)) == values


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/a/../b", "/b"),
        ("/../../b", "/b"),
        ("/a/b/..", "/a/"),
        ("http://host:80/a?b=/c", "/a"),
        ("/%E2%82%AC%ff%2f", "/€%ff%2f"),
        ("/a%00", None),
    ],
)
def test_a_target_is_decoded_as_kestrel_does(target, path):
    assert path_of(target) == path
