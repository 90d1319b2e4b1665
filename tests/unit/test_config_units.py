"""Sizes and periods as people write them in the configuration."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.config.units import floor, period, size_bytes, size_text
from ari_app.core.free_space import Floor


@given(st.integers(0, 2**50))
def test_sizes_are_exact_in_bytes(count: int) -> None:
    assert size_bytes(f"{count} B") == count
    assert size_bytes(f"{count}B") == count


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2GiB", 2 * 2**30), ("500 MB", 5 * 10**8), ("1.5TiB", 3 * 2**39), ("0B", 0), ("64KiB", 65536), ("1kB", 1000)],
)
def test_sizes(text: str, expected: int) -> None:
    assert size_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "2", "GiB", "-1GiB", "2gib", "1e9B", "2GiB ", "٢GiB", "2000TiB", "NaNB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a size|is more than"):
        size_bytes(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2GiB", Floor(2 * 2**30)), ("5%", Floor(percent=5.0)), ("2.5 %", Floor(percent=2.5)), ("0%", Floor())],
)
def test_how_much_must_stay_free(text: str, expected: Floor) -> None:
    assert floor(text) == expected


@pytest.mark.parametrize("text", ["", "5", "%", "-5%", "90.1%", "1e1%", "5%%", "five %", "5 % ", "100%", "2000TiB"])
def test_what_is_neither_a_size_nor_a_part(text: str) -> None:
    with pytest.raises(ValueError, match=r"or a part of the file system|is more than 90 %"):
        floor(text)


@given(st.integers(0, 2**50))
def test_a_size_for_people_says_the_size(count: int) -> None:
    assert float(size_text(count).split()[0]) <= max(1024, count)


@pytest.mark.parametrize("text", ["", "0d", "8", "8 years", "y", "8h", "-1y"])
def test_what_is_no_period(text: str) -> None:
    with pytest.raises(ValueError, match="is not a period"):
        period(text)
