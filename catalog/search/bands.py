"""Bands of sizes and gains, as facets. A band is written as its filter is, ``low..high`` with both ends in it."""

SIZE_BANDS = ("..999999", "1000000..9999999", "10000000..99999999", "100000000..999999999", "1000000000..")
GAIN_BANDS = ("..0", "0.000001..0.05", "0.050001..0.1", "0.100001..0.2", "0.200001..")


def band_case(column: str, bands: tuple[str, ...]) -> str:
    """SQL that gives the band of a column's value, NULL for none."""
    return f"CASE {' '.join(f'WHEN {_within(column, band)} THEN {band!r}' for band in bands)} END"


def _within(column: str, band: str) -> str:
    low, _, high = band.partition("..")
    bounds = [f"{column} >= {low}" if low else "", f"{column} <= {high}" if high else ""]
    return " AND ".join(bound for bound in bounds if bound)
