"""Elements of a JSON array, one by one: the same elements and errors as all at once."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.texts.json_array import elements
from pipeline.domain.texts.strict_json import NotJson, parse
from tests.unit.domain.quick import quick

REASONS = "Expecting|Extra|Unterminated|Invalid|Illegal|control|twice|double|not JSON"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@quick
@given(st.lists(VALUES), st.sampled_from([None, 1]))
def test_elements_are_those_of_the_array(values, indent):
    text = json.dumps(values, indent=indent)
    assert list(elements(f" {text}\n")) == values


@quick
@given(st.lists(VALUES, max_size=3), st.data())
def test_what_json_refuses_is_refused(values, data):
    text = json.dumps(values)
    at = data.draw(st.integers(0, len(text)))
    spoiled = text[:at] + data.draw(st.sampled_from(["", "]", ",", "x", "[", "{"])) + text[at + 1 :]
    try:
        whole = parse(spoiled.encode())
    except NotJson as error:
        if "surrogate" in str(error):
            return  # whoever uses the elements looks at their characters
        with pytest.raises(ValueError, match=REASONS):
            list(elements(spoiled))
    else:
        if isinstance(whole, list):
            assert list(elements(spoiled)) == whole


@pytest.mark.parametrize("text", ["{}", "1", '"["'])
def test_json_that_is_not_an_array_is_distinguished_from_text_that_is_not_json(text):
    with pytest.raises(TypeError):
        list(elements(text))
