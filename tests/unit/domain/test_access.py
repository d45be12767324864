"""Claims and roles: who may do what, and why others may not."""

import pytest

from pipeline.domain.access import NEEDED, Api, Operation, Refusal, Role, bearer_token, judge

API = Api("https://login.microsoftonline.com", "t-1", "c-1")
NOW = 1_000_000.0
GOOD = {
    "iss": "https://login.microsoftonline.com/t-1/v2.0",
    "aud": "c-1",
    "exp": NOW + 600,
    "nbf": NOW - 600,
    "roles": ["Reader"],
}


def judged(operation=Operation.LIST, **claims):
    return judge({**GOOD, **claims}, operation, API, NOW)


def test_every_operation_needs_a_role():
    assert set(NEEDED) == set(Operation)


@pytest.mark.parametrize("operation", Operation)
def test_a_reader_reads_and_an_operator_does_everything(operation):
    refused = judged(operation, roles=["Reader"])
    assert (refused is None) == (NEEDED[operation] is Role.READER)
    assert judged(operation, roles=["Operator"]) is None


@pytest.mark.parametrize("iss", ["https://sts.windows.net/t-1/", GOOD["iss"]])
@pytest.mark.parametrize("aud", ["c-1", "api://c-1"])
def test_tokens_of_both_versions_are_accepted(iss, aud):
    assert judged(iss=iss, aud=aud) is None


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"exp": NOW - 60}, "expired"),
        ({"exp": None}, "no readable times"),
        ({"exp": True}, "no readable times"),
        ({"exp": float("nan")}, "expired"),
        ({"nbf": NOW + 61}, "not valid yet"),
        ({"nbf": "soon"}, "no readable times"),
        ({"iss": "https://login.microsoftonline.com/t-2/v2.0"}, "tenant t-1"),
        ({"iss": "https://login.microsoftonline.com/t-1/v2.0/"}, "tenant t-1"),
        ({"iss": None}, "tenant t-1"),
        ({"aud": "https://storage.azure.com"}, "api://c-1"),
        ({"aud": ["c-1"]}, "api://c-1"),
        ({"aud": None}, "api://c-1"),
    ],
)
def test_an_invalid_token_is_refused_with_the_reason(claims, why):
    refused = judged(**claims)
    assert refused is not None
    assert refused.status == 401
    assert why in refused.reason


def test_clocks_may_differ_by_less_than_a_minute():
    assert judged(exp=NOW - 59, nbf=NOW - 60) is None
    assert judged(nbf=NOW + 60) is None


@pytest.mark.parametrize("roles", [None, [], "Operator", ["operator"], [["Operator"]], {"a": 1}])
def test_without_the_role_the_answer_names_it_and_how_to_get_it(roles):
    refused = judged(Operation.CANCEL, roles=roles)
    assert refused is not None
    assert refused.status == 403
    assert "cancel a run you need the app role Operator" in refused.reason
    assert "Users and groups" in refused.reason


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "abc"])
def test_a_request_without_a_token_is_refused(header):
    refused = bearer_token(header)
    assert isinstance(refused, Refusal)
    assert refused.status == 401


def test_the_scheme_is_read_as_http_reads_it():
    assert bearer_token("bearer a.b.c") == "a.b.c"
