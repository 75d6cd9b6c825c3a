"""What the API says of similar weights is what its schema says, field by field."""

import pytest

from catalog.adapters.publication import publish_revision
from tests.contract.test_answers_follow_the_schema import check
from tests.unit.catalog.factories import make_base, make_namespace, make_user
from tests.unit.catalog.likening import likeness_files, pushed
from tests.unit.hub.calling import API, client_of

pytestmark = pytest.mark.django_db
ADAPTER = "/adapters/{namespace}/{name}"


@pytest.mark.parametrize(
    ("template", "path"),
    [
        (f"{ADAPTER}/similar", "/adapters/lab/first/similar"),
        (f"{ADAPTER}/revisions/{{commit_id}}/copies", "/adapters/lab/first/revisions/{commit_id}/copies"),
        ("/family-proposals", "/family-proposals?base_model=tiny/llama"),
    ],
)
def test_every_read_of_similarity_answers_as_described(template, path):
    owner = make_user("owner")
    make_namespace(owner)
    base = make_base(owner)
    first = publish_revision(pushed(owner, base, likeness_files(1), "lab/first"), actor=owner)
    publish_revision(pushed(owner, base, likeness_files(1, lora_dropout=0.1), "lab/second"), actor=owner)
    response = client_of(owner).get(API + path.format(commit_id=first.commit_id))
    assert response.status_code == 200
    assert b"lab/second" in response.content
    check("get", template, response)
