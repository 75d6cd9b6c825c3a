"""What the API answers about collections, records and the taxonomy is what its schema says, field by field."""

import pytest

from catalog.collections.changing import add_items, change_item
from catalog.collections.services import create_collection
from catalog.records.importing import import_entries
from tests.contract.test_answers_follow_the_schema import check
from tests.unit.catalog.factories import make_namespace, make_user
from tests.unit.catalog.test_import_adapterhub import ENTRY, lines
from tests.unit.hub.calling import API, client_of

pytestmark = pytest.mark.django_db
COLLECTION = "/collections/{namespace}/{name}"
RECORD = "/records/{source}/{record_path}"
FIRST = "records/adapterhub/ukp/bert_ner_de"
KNOWN = {"namespace": "lab", "name": "tongues", "number": 2, "source": "adapterhub", "record_path": "ukp/bert_ner_de"}
READS = [
    "/taxonomy",
    "/records",
    RECORD,
    "/collections",
    COLLECTION,
    f"{COLLECTION}/items",
    f"{COLLECTION}/revisions",
    f"{COLLECTION}/revisions/{{number}}",
    f"{COLLECTION}/diff",
]


@pytest.fixture
def owner(tmp_path):
    owner = make_user("owner", is_admin=True)
    make_namespace(owner)
    import_entries(lines(tmp_path, {**ENTRY, "stars": 7}))
    made = create_collection(owner, full_name="lab/tongues")
    add_items(owner, made, [FIRST, f"{FIRST}@2"])
    change_item(owner, made, FIRST, position=2, note="the other first")
    return owner


def test_every_read_answers_as_described(owner):
    for template in READS:
        response = client_of(owner).get(API + template.format(**KNOWN))
        assert response.status_code == 200, template
        check("get", template, response)


def test_every_write_answers_as_described(owner):
    client = client_of(owner)
    calls = [
        ("post", "/collections", {"namespace": "lab", "name": "fresh"}, 201),
        ("patch", COLLECTION, {"description": "new"}, 200),
        ("put", f"{COLLECTION}/items", {"items": [{"name": FIRST, "note": "alone"}], "expected": 4}, 200),
        ("patch", f"{COLLECTION}/items", {"add": [f"{FIRST}@1"], "message": "the old one"}, 200),
        ("patch", f"{COLLECTION}/items", {"remove": [f"{FIRST}@1"]}, 200),
        ("patch", f"{COLLECTION}/items", {"item": FIRST, "note": "still alone"}, 200),
        ("delete", COLLECTION, None, 204),
        ("patch", RECORD, {"is_withdrawn": True, "reason": "asked for"}, 200),
        ("patch", RECORD, {"is_withdrawn": False}, 200),
    ]
    for method, template, body, status in calls:
        response = getattr(client, method)(API + template.format(**KNOWN), body, format="json")
        assert response.status_code == status, (method, template, response.content)
        check(method, template, response)


def test_what_cannot_be_done_says_why(owner):
    client = client_of(owner)
    items = API + f"{COLLECTION}/items".format(**KNOWN)
    for body, status, code in [
        ({}, 400, "invalid_input"),
        ({"add": [FIRST], "remove": [FIRST]}, 400, "invalid_input"),
        ({"add": ["records/adapterhub/absent"]}, 404, "record_not_found"),
        ({"remove": [f"{FIRST}@1"]}, 404, "no_such_item"),
        ({"item": FIRST, "position": 1, "expected": 1}, 409, "collection_changed"),
        ({"ad": [FIRST]}, 400, "unknown_field"),
    ]:
        response = client.patch(items, body, format="json")
        assert (response.status_code, response.json()["code"]) == (status, code), body
    anonymous = client_of(None)
    assert anonymous.patch(items, {"add": [FIRST]}, format="json").status_code == 401
    assert anonymous.patch(API + RECORD.format(**KNOWN), {"is_withdrawn": True}, format="json").status_code == 401
    assert anonymous.get(API + f"{COLLECTION}/revisions/99".format(**KNOWN)).json()["code"] == "no_such_revision"
    assert anonymous.get(API + f"{COLLECTION}/diff?from=1&to=99".format(**KNOWN)).json()["code"] == "no_such_revision"
