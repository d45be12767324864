import pytest

from pipeline.domain.notation.placeholders import fill, names_in


def test_names_are_found_and_doubled_braces_are_not_names():
    assert names_in("{start}-{end}{{literal}}") == ["start", "end"]


def test_values_are_filled_in_once():
    assert fill("{a}{{{b}}}", {"a": "{b}", "b": True}) == "{b}{true}"


@pytest.mark.parametrize("text", ["{", "}", "{Start}", "{a b}", "{}", "{a}}"])
def test_a_stray_brace_is_refused(text):
    with pytest.raises(ValueError, match="stray"):
        names_in(text)
