"""A web page learns nothing from the storage emulator: by our gate, and by what Azurite refuses."""

import pytest

from tests.emulators.attacks import FOREIGN, PREFLIGHT, ask

SERVICES = {"blob": "/?comp=list", "queue": "/?comp=list", "table": "/Tables"}


@pytest.mark.parametrize("attack", FOREIGN.values(), ids=FOREIGN)
def test_the_health_of_the_services_is_for_no_other_site(storage, attack):
    headers, status, header = attack
    found = ask(storage.ready["endpoint"], "GET", "/health", **headers)
    assert found.refuses(status, header), found


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("attack", [{}, *[one[0] for one in FOREIGN.values()]], ids=str)
def test_azurite_answers_no_request_without_a_signature_and_grants_no_page(
    storage, service, attack
):
    endpoint = storage.ready[service]
    account = "/" + endpoint.rpartition("/")[2]
    for method, path in (("GET", SERVICES[service]), ("PUT", "/more?restype=container")):
        found = ask(endpoint, method, account + path, b"" if method == "PUT" else None, **attack)
        assert 400 <= found.status < 500, found
        assert not [name for name in found.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("service", SERVICES)
def test_azurite_grants_a_preflight_nothing(storage, service):
    endpoint = storage.ready[service]
    account = "/" + endpoint.rpartition("/")[2]
    found = ask(endpoint, "OPTIONS", account + SERVICES[service], **PREFLIGHT)
    assert found.status == 403, found
    assert not [name for name in found.headers if name.startswith("access-control-")]
