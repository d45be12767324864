"""The names of a deployment are known before it, because the hash of templates is."""

import pytest

from pipeline.domain.preflight.names import Names, unique_string

# As Bicep 0.49.2 evaluates uniqueString(): texts that fill blocks of eight bytes, and that do not.
EVALUATED = {
    ("a",): "eveiun73364hy",
    ("ab",): "twldla3s3qb3q",
    ("abc",): "cgtzqvhu4i23s",
    ("abcd",): "2vkzoblxv4fya",
    ("abcde",): "5a3qs7ylzrs64",
    ("abcdef",): "rmkkamh3kazwq",
    ("abcdefg",): "logmp4qgzfm46",
    ("abcdefgh",): "q7ncvd5x2rx4e",
    ("/subscriptions/00000000-0000-0000-0000-000000000000", "demo", "westeurope"): "k6vadv44vqkum",
}


@pytest.mark.parametrize("parts", EVALUATED, ids=lambda parts: parts[0][-8:])
def test_the_hash_is_that_of_templates(parts):
    assert unique_string(*parts) == EVALUATED[parts]


def test_names_are_short_enough_for_azure():
    names = Names.of("00000000-0000-0000-0000-000000000000", "demo", "westeurope")
    assert names == Names("stk6vadv44vqkum", "bak6vadv44vqkum", "func-k6vadv44vqkum")
