"""Route templates: what they match, and which of them goes first."""

import pytest

from emulators.functions.http.routes import RouteTemplate


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("api/items/{id:int}", "/api/items/7", {"id": "7"}),
        ("api/items/{id:int}", "/api/items/x", None),
        ("api/items/{id?}", "/api/items", {}),
        ("api/{*rest}", "/api/a/b%2Fc", {"rest": "a/b/c"}),
        ("api/Items", "/api/ITEMS/", {}),
        ("api/{name}", "/api/%C3%BC%0A", {"name": "ü\n"}),
        ("api/a", "/api/a/b", None),
    ],
)
def test_routes_match_as_templates_say(template, path, values):
    assert RouteTemplate(template).match(path) == values


def test_the_more_specific_route_goes_first():
    templates = ["api/{*all}", "api/{name}", "api/{id:int}", "api/me"]
    assert sorted(templates, key=lambda t: RouteTemplate(t).specificity) == templates[::-1]
