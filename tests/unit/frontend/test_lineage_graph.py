"""The lineage as a graph: generations side by side, links where there is a page, nothing that is hidden."""

import re

from django.contrib.auth.models import AnonymousUser

from catalog.access.origins import record_origins
from catalog.derivations.models import Derivation, DerivationKind, DerivationState, Parent
from catalog.derivations.pedigree import pedigree_of
from frontend.figures.pedigree import lineage_graph
from tests.unit.frontend.derived import merged

__all__ = ["merged"]


def make_of(catalog, name, parents):
    """``name``, a merge of ``parents`` with equal weights."""
    child = catalog.push(catalog.writer, name, approve=catalog.owner)
    made = {"target": child.adapter, "revision": child, "recipe": {}, "made_with": {}, "made_at": child.created_at}
    derivation = Derivation.objects.create(kind=DerivationKind.MERGE, state=DerivationState.MADE, **made)
    for place, parent in enumerate(parents):
        row = Parent.of(parent, place=place, weight=0.5)
        row.derivation = derivation
        row.save()
    record_origins(child, [parent.pk for parent in parents])
    return child


def graph_of(revision):
    return lineage_graph(pedigree_of(AnonymousUser(), revision))


def places(graph):
    return {node.name: node.x for node in graph.nodes}


def test_generations_stand_from_left_to_right(catalog, published, merged):
    grandchild = make_of(catalog, "team/small", [merged])
    graph = graph_of(merged)
    found = places(graph)
    assert found["team/ner-de"] < found["team/merged"] < found["team/small"]
    assert [node.name for node in graph.nodes if node.is_subject] == ["team/merged"]
    assert {edge.title for edge in graph.edges} == {"merge, weight 0.25", "merge, weight 0.5"}
    assert places(graph_of(grandchild)) == found, "the same graph from whatever end"


def test_who_has_parents_in_two_generations_stands_after_the_later_one(catalog, published, merged):
    origin = published.default_version.revision
    both = make_of(catalog, "team/both", [origin, merged])
    found = places(graph_of(both))
    assert found["team/ner-de"] < found["team/merged"] < found["team/both"]
    assert places(graph_of(origin)) == found
    assert len(graph_of(both).edges) == 3


def test_boxes_of_one_generation_lie_beneath_each_other(catalog, published):
    origin = published.default_version.revision
    for name in ("team/a", "team/b", "team/c"):
        make_of(catalog, name, [origin])
    graph = graph_of(origin)
    children = [node for node in graph.nodes if not node.is_subject]
    assert len({node.x for node in children}) == 1
    tops = sorted(node.y for node in children)
    assert min(tops[1] - tops[0], tops[2] - tops[1]) > graph.box_height
    assert max(node.y for node in graph.nodes) + graph.box_height <= graph.height
    assert max(node.x for node in graph.nodes) + graph.box_width <= graph.width


def test_what_was_only_pushed_has_no_graph(published):
    assert graph_of(published.default_version.revision) is None


def test_the_page_and_the_adapters_page_draw_it_with_links(merged, stranger):
    for url in ("/team/merged", "/team/merged/versions/1.0.0/lineage"):
        text = stranger.get(url).content.decode()
        graph = re.findall(r'<svg class="lineage-graph".*?</svg>', text, re.DOTALL)[0]
        assert '<a href="/team/ner-de/versions/1.0.0">' in graph
        assert '<a href="/team/merged' not in graph, "one is there already"
        assert "merge, weight 0.25" in graph
    assert stranger.get("/team/absent/versions/1.0.0/lineage").status_code == 404
    alone = stranger.get("/team/ner-de/versions/9.9.9/lineage")
    assert alone.status_code == 404


def test_the_graph_hides_what_the_viewer_may_not_see(catalog, merged, published, stranger):
    merged.adapter.visibility = "private"
    merged.adapter.save()
    text = stranger.get("/team/ner-de/versions/1.0.0/lineage").content.decode()
    assert "team/merged" not in text
    assert "1 more was made of it that you may not see." in text
