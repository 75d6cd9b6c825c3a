"""What the API answers about families is what its schema says, field by field."""

import pytest

from catalog.families.models import Fit
from tests.contract.test_answers_follow_the_schema import check
from tests.unit.catalog.factories import make_namespace, make_user
from tests.unit.catalog.families import BASE, make_family
from tests.unit.catalog.kept_bases import keep_basis
from tests.unit.hub.calling import API, client_of

pytest.importorskip("torch", reason="members are inspected with torch")
pytestmark = pytest.mark.django_db
FAMILY = "/families/{namespace}/{name}"
BASIS = f"{FAMILY}/bases/{{number}}"
READS = [
    ("/families", {}),
    (FAMILY, {}),
    (f"{FAMILY}/members", {}),
    (f"{FAMILY}/bases", {}),
    (f"{FAMILY}/plan", {}),
    (BASIS, {}),
    (f"{BASIS}/fits", {}),
    (f"{BASIS}/file", {}),
    ("/adapters/{namespace}/{name}/compressed", {"name": "member-1"}),
]


@pytest.fixture
def owner():
    owner = make_user("owner", is_admin=True)
    make_namespace(owner)
    keep_basis(make_family(owner, 2))
    score = {"evaluation_set": "lab/mood", "metric": "accuracy", "before": 0.9, "after": 0.9, "flipped": 0.0}
    Fit.objects.filter(revision__adapter__name="member-1").update(scores=[score])
    return owner


def test_every_read_of_families_answers_as_described(owner):
    for template, names in READS:
        known = {"namespace": "lab", "name": "tones", "number": 1, **names}
        response = client_of(owner).get(API + template.format(**known))
        assert response.status_code == 200, template
        check("get", template, response)


def test_every_write_of_families_answers_as_described(owner):
    client = client_of(owner)
    member = f"{FAMILY}/members/{{adapter}}"
    calls = [
        ("post", "/families", {}, {"namespace": "lab", "name": "fresh", "base_model": BASE}),
        ("patch", FAMILY, {}, {"summary": "new"}),
        ("post", f"{FAMILY}/members", {}, {"adapters": ["lab/member-1"]}),
        ("put", member, {"adapter": "lab/member-1"}, {"consent": "given"}),
        ("post", f"{FAMILY}/bases", {}, {"options": {"rank": 4}}),
        ("delete", member, {"adapter": "lab/member-1"}, None),
        ("delete", FAMILY, {}, None),
    ]
    for method, template, names, body in calls:
        path = API + template.format(**{"namespace": "lab", "name": "tones", **names})
        response = getattr(client, method)(path, body)
        assert response.status_code < 300, (template, response.content)
        check(method, template, response)
