"""Pictures: what is drawn where, what it says to the pointer, and that a table holds the same numbers."""

import itertools
import re
from datetime import date, timedelta
from types import SimpleNamespace

import pytest

from catalog.evaluations.flips import find_flips
from catalog.search.daily import Day
from catalog.search.downloads import count_download, flush_downloads
from frontend.figures.bars import score_bars
from frontend.figures.columns import Point, columns
from frontend.figures.days import download_columns, weeks_of
from frontend.figures.heat import LEVELS, heat_map
from frontend.figures.modules import layers_of, modules_of
from frontend.figures.plane import size_against_score
from frontend.figures.scales import as_bytes, nice_ceiling
from frontend.figures.shares import flip_shares
from frontend.figures.spectra import module_rows, spectra
from frontend.figures.spectrum import MOST_CELLS, spectrum_of


def facts(layers, kinds=("self_attn.q_proj", "self_attn.v_proj"), rank=4):
    values = [1.0, 0.5, 0.25, 0.1, *[0.01] * 60][:rank]
    rows = {
        f"model.layers.{layer}.{kind}": {
            "rank": rank,
            "norm": 1.0 + layer,
            "spectral_norm": 1.0,
            "effective_rank": 1.0 + layer / 10,
            "singular_values": values,
        }
        for layer in range(layers)
        for kind in kinds
    }
    return {"spectrum": {"modules": rows}}


def test_modules_are_told_apart_by_kind_and_layer():
    first = modules_of(facts(2))[0]
    assert (first.kind, first.layer, first.name) == ("self_attn.q_proj", 0, "self_attn.q_proj, layer 0")
    assert modules_of({"spectrum": {"modules": {"score": {}}}})[0].layer == -1
    for odd in ({}, {"spectrum": 3}, {"spectrum": {"modules": [1]}}, {"spectrum": {"modules": {"x": None}}}):
        assert modules_of(odd) == []


def test_a_layer_has_the_norm_of_all_its_modules_together():
    layer = layers_of(modules_of(facts(2)))[1]
    assert (layer.number, layer.modules) == (1, 2)
    assert layer.norm == pytest.approx(2 * 2**0.5)
    assert layer.effective_rank == pytest.approx(1.1)


def test_a_heat_map_has_kinds_down_layers_across_and_the_highest_in_the_strongest_colour():
    heat = heat_map(modules_of(facts(3)))
    assert [label.text for label in heat.layers] == ["0", "1", "2"]
    assert [label.text for label in heat.kinds] == ["self_attn.q_proj", "self_attn.v_proj"]
    assert len(heat.cells) == 6
    assert heat.cells[-1].level == LEVELS - 1
    assert heat.cells[-1].title == "self_attn.v_proj, layer 2: 1.2 of 4"
    assert heat.cells[0].y == heat.cells[2].y, "one kind lies in one row"


def test_the_cells_of_a_deep_model_are_narrow_and_carry_no_number():
    heat = heat_map(modules_of(facts(40)))
    assert {cell.text for cell in heat.cells} == {""}
    assert heat.cell_width < 20
    assert len(heat.layers) == 10


def test_too_many_modules_leave_the_adapters_page_with_layers_alone():
    deep = spectrum_of(facts(MOST_CELLS))
    assert deep.heat is None
    assert len(deep.norms.columns) == MOST_CELLS
    assert spectrum_of(facts(MOST_CELLS), most_cells=None).heat is not None
    assert spectrum_of({}) is None


def test_singular_values_of_one_shade_are_one_path_and_every_row_says_its_values():
    drawn = spectra(modules_of(facts(50, rank=16)))
    assert len(drawn.shades) <= LEVELS
    assert len(drawn.bands) == 100
    assert drawn.bands[0].title == "self_attn.q_proj, layer 0: 1, 0.5, 0.25, 0.1, 0.01, 0.01 and 10 more"
    assert [label.text for label in drawn.directions] == ["1", "4", "8", "12", "16"]
    assert spectra(modules_of({"spectrum": {"modules": {"x": {"singular_values": [0.0]}}}})) is None
    assert module_rows(modules_of(facts(1)))[0].path.startswith("M0 24V0h4V24M5 24V12h4V24")


def test_upright_bars_stand_on_the_ground_and_their_names_do_not_collide():
    drawn = columns("Norms", [Point(str(at), at, f"layer {at}") for at in range(60)])
    assert {bar.y + bar.height for bar in drawn.columns} == {drawn.bottom}
    assert max(bar.x + bar.width for bar in drawn.columns) <= drawn.right
    places = [label.x for label in drawn.x_labels]
    assert min(b - a for a, b in itertools.pairwise(places)) >= 20
    assert columns("Norms", []) is None


def test_days_without_a_download_are_days_too():
    first = date(2026, 1, 1)
    days = [Day(first + timedelta(days=at), 30 if at == 9 else 0) for at in range(10)]
    drawn = download_columns(days)
    assert len(drawn.columns) == 10
    assert drawn.columns[9].title == "2026-01-10: 30 downloads"
    assert drawn.y_labels[0].text == "50"
    assert weeks_of(days) == [Day(date(2026, 1, 4), 30), Day(first, 0)]
    assert download_columns(days[:9]) is None


def test_flips_are_one_bar_whose_parts_are_all_rows():
    before, now = [1] * 6 + [0] * 4, [1] * 5 + [0, 1, 1, 0, 0]
    shares = flip_shares(find_flips(before, now, list("aaaaaabbcc"), list("aaaaaxyzdc")))
    assert {part.kind: part.rows for part in shares.parts} == {
        "right": 5,
        "positive": 2,
        "negative": 1,
        "inconsistent": 1,
        "wrong": 1,
    }
    assert sum(part.width for part in shares.parts) == pytest.approx(shares.width, abs=0.5)
    assert shares.parts[0].title == "right both times: 5 of 10 rows, 50.0 %"
    assert flip_shares(find_flips([], [])) is None


def test_rows_with_a_score_between_are_better_worse_or_the_same():
    shares = flip_shares(find_flips([0.5, 0.5, 0.5], [0.7, 0.2, 0.5]))
    assert [part.kind for part in shares.parts] == ["same", "positive", "negative"]


def test_a_part_too_thin_to_see_is_drawn_all_the_same():
    shares = flip_shares(find_flips([1] * 9999 + [0], [1] * 10000))
    assert min(part.width for part in shares.parts) > 1.9
    assert not shares.parts[1].has_room


def test_a_score_bar_says_interval_and_base_to_the_pointer():
    row = SimpleNamespace(score=0.85, score_low=0.75, score_high=0.95)
    base = SimpleNamespace(score=0.5, score_high=None)
    assert score_bars([(row, base)])[0].title == "0.850, 95 % interval 0.750 to 0.950; base model alone 0.500"


def test_names_beside_points_do_not_lie_on_each_other():
    names = {}
    for scores in ((0.80, 0.801, 0.802), (0.5, 0.9, 0.7)):
        drawn = size_against_score([measured_row(at, score) for at, score in enumerate(scores)])
        places = sorted(point.name.y for point in drawn.points)
        names[scores] = min(b - a for a, b in itertools.pairwise(places))
        assert [point.url for point in drawn.points] == [f"/team/n{at}/versions/1.0.0" for at in range(3)]
    assert min(names.values()) >= 14


def measured_row(at, score):
    """An evaluation as the picture reads it."""
    adapter = SimpleNamespace(name=f"n{at}", full_name=f"team/n{at}", namespace=SimpleNamespace(name="team"))
    revision = SimpleNamespace(size_bytes=1000, adapter=adapter, version=SimpleNamespace(name="1.0.0"))
    metric = SimpleNamespace(metric="accuracy")
    return SimpleNamespace(revision=revision, score=score, score_low=None, score_high=None, set_revision=metric)


def test_numbers_at_the_edges_are_round():
    assert [nice_ceiling(value) for value in (0, 1, 3, 11, 200, 201)] == [1, 1, 5, 20, 200, 500]
    assert [as_bytes(value) for value in (12, 1430, 999_600, 2.5e9)] == ["12 B", "1.43 kB", "1 MB", "2.5 GB"]


def test_the_spectrums_page_shows_every_quantity_and_every_module(published, stranger):
    for show, said in (("effective-rank", "3.5 of 4"), ("norm", "layer 1: 1.5"), ("first-direction", "layer 1: 44%")):
        text = stranger.get(f"/team/ner-de/versions/1.0.0/spectrum?show={show}").content.decode()
        assert said in text
        assert text.count('<th scope="row" class="mono">encoder.layer.') == 4
    assert stranger.get("/team/ner-de/versions/1.0.0/spectrum?show=luck").status_code == 400
    assert stranger.get("/team/ner-de/versions/9.9.9/spectrum").status_code == 404


def test_many_modules_are_shown_one_kind_at_a_time(catalog, stranger):
    catalog.push(catalog.writer, "team/deep", facts=facts(40), approve=catalog.owner)
    url = "/team/deep/versions/1.0.0/spectrum"
    text = stranger.get(url).content.decode()
    assert text.count('<th scope="row" class="mono">') == 40
    assert "layers.0.self_attn.v_proj</th>" not in text
    assert "layers.0.self_attn.v_proj</th>" in stranger.get(f"{url}?kind=self_attn.v_proj").content.decode()


def test_the_adapters_page_shows_downloads_day_by_day(published, stranger):
    assert 'id="downloads"' not in stranger.get("/team/ner-de").content.decode()
    for _ in range(3):
        count_download(published.pk)
    flush_downloads()
    text = stranger.get("/team/ner-de").content.decode()
    assert re.search(r"<title>\d{4}-\d\d-\d\d: 3 downloads</title>", text)
    answer = stranger.get("/api/v1/adapters/team/ner-de/downloads?days=7").json()
    assert (answer["total"], len(answer["days"]), answer["days"][-1]["count"]) == (3, 7, 3)


def test_downloads_of_what_one_may_not_see_are_not_told(catalog, stranger):
    catalog.push(catalog.writer, "team/secret", visibility="private", approve=catalog.owner)
    assert stranger.get("/api/v1/adapters/team/secret/downloads").status_code == 404
    assert stranger.get("/api/v1/adapters/team/absent/downloads").status_code == 404


@pytest.mark.parametrize("days", ["0", "367", "many"])
def test_an_odd_number_of_days_is_refused(days, published, stranger):
    answer = stranger.get(f"/api/v1/adapters/team/ner-de/downloads?days={days}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
