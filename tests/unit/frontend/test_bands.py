"""Ranges of facets: read as filters read them, said as people say them."""

import pytest

from frontend.bands import bounds_of, gain_band, size_band


@pytest.mark.parametrize(
    ("value", "bounds"),
    [("16", (16, 16)), ("4..16", (4, 16)), ("..0", (None, 0)), ("0.200001..", (0.200001, None)), ("-1..2", (-1, 2))],
)
def test_a_range_is_read(value, bounds):
    assert bounds_of(value) == bounds


def test_sizes_are_said_in_round_units():
    assert size_band("..999999") == "up to 1 MB"
    assert size_band("1000000..9999999") == "1 MB to 10 MB"
    assert size_band("1000000000..") == "from 1 GB"


def test_gains_are_said_with_their_sign():
    assert gain_band("..0") == "no gain"
    assert gain_band("0.000001..0.05") == "0 to +0.05"
    assert gain_band("0.050001..0.1") == "+0.05 to +0.1"
    assert gain_band("0.200001..") == "over +0.2"


def test_what_is_no_band_stays_as_it_was_typed():
    assert size_band("<=10MB") == "<=10MB"
    assert gain_band(">0") == ">0"
