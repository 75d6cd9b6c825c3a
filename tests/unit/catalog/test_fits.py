"""What fits is said by checked shapes: once for each shape set and base model, and anew when either is new."""

import pytest

from catalog.accounts.models import User
from catalog.adapters.models import Revision
from catalog.adapters.releasing import release_files
from catalog.bases.models import BaseModel
from catalog.bases.services import register_base
from catalog.fits.comparing import COMPARE_SHAPES, bases_behind, compare_base
from catalog.fits.models import BaseFit, RevisionShapes, ShapeSet
from catalog.fits.pruning import drop_unused_shapes
from catalog.fits.queries import bases_that_fit, fitting_digests, shape_digest_of, shapes_of
from catalog.fits.recording import record_shapes_of
from catalog.jobs.models import Job
from catalog.search.models import SearchEntry
from catalog.search.queries import search
from catalog.search.query import SearchQuery
from catalog.store import blob_store
from tests.unit.catalog.factories import PROJECTION, WIDTH, make_base, make_namespace, make_user, together
from tests.unit.catalog.shaping import make_wide_base, published
from workers import maintenance
from workers.comparing import CompareShapes

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    user = make_user("owner")
    make_namespace(user)
    return user


@pytest.fixture
def base(owner: User) -> BaseModel:
    return make_base(owner)


def compare_all() -> dict[str, int]:
    """Run what the job runs."""
    handler = CompareShapes()
    job = Job.objects.filter(kind=COMPARE_SHAPES).order_by("-created_at").first() or Job(kind=COMPARE_SHAPES)
    with handler.prepare(job, lambda share, note: None) as outcome:
        return handler.apply(job, outcome)


def test_adapters_of_other_ranks_share_one_shape_set(owner: User, base: BaseModel) -> None:
    first = published(owner, base, "lab/one", rank=2)
    second = published(owner, base, "lab/two", rank=8)
    assert shape_digest_of(first) == shape_digest_of(second) != ""
    assert ShapeSet.objects.count() == 1


def test_the_base_that_it_was_checked_against_is_known_at_once(owner: User, base: BaseModel) -> None:
    revision = published(owner, base)
    assert fitting_digests(base) == [shape_digest_of(revision)]


def test_a_new_base_model_asks_for_the_comparison_and_the_job_makes_it(owner: User, base: BaseModel) -> None:
    revision = published(owner, base)
    assert not Job.objects.filter(kind=COMPARE_SHAPES).exists(), "there was nothing else to compare with"
    twin = register_base(owner, name="tiny/twin", shapes={f"{PROJECTION}.weight": [WIDTH, WIDTH]}).base
    wide = make_wide_base(owner)
    assert Job.objects.filter(kind=COMPARE_SHAPES).count() == 1, "one job sees both"
    assert compare_all() == {"filled": 0, "bases": 2, "compared": 2}
    shapes = shapes_of(revision)
    assert shapes is not None
    assert [str(found) for found in bases_that_fit(shapes)] == ["tiny/llama", "tiny/twin"]
    row = BaseFit.objects.get(base=wide)
    assert (row.verdict, row.unmatched) == ("differs", 1)
    assert (row.finding or {})["tensor"].endswith("q_proj.lora_A.weight")
    assert fitting_digests(twin) == [shapes.digest]
    assert fitting_digests(wide) == []


def test_a_new_shape_set_is_compared_with_every_base_model_that_is_there(owner: User, base: BaseModel) -> None:
    wide = make_wide_base(owner)
    published(owner, base)
    assert Job.objects.filter(kind=COMPARE_SHAPES).count() == 1
    assert [str(behind) for behind in bases_behind()] == [str(wide)]
    compare_all()
    assert bases_behind() == []
    published(owner, base, "lab/another", rank=8)
    assert Job.objects.filter(kind=COMPARE_SHAPES).count() == 1, "the same shapes are not compared twice"


def test_another_table_of_the_base_makes_what_was_said_worthless(owner: User, base: BaseModel) -> None:
    published(owner, base)
    BaseModel.objects.filter(pk=base.pk).update(shapes_digest="of another table")
    base.refresh_from_db()
    assert fitting_digests(base) == []
    assert compare_base(base) == 1
    assert len(fitting_digests(base)) == 1


def test_what_was_accepted_before_shapes_were_kept_is_read_from_the_store(owner: User, base: BaseModel) -> None:
    revision = published(owner, base, rank=8)
    digest = shape_digest_of(revision)
    RevisionShapes.objects.all().delete()
    ShapeSet.objects.all().delete()
    SearchEntry.objects.update(shape_digest="")
    assert compare_all()["filled"] == 1
    assert shape_digest_of(revision) == SearchEntry.objects.get().shape_digest == digest
    assert fitting_digests(base) == [digest]


def test_a_file_that_cannot_be_read_keeps_no_other_from_being_filled(owner: User, base: BaseModel) -> None:
    broken, whole = published(owner, base, "lab/broken"), published(owner, base, "lab/whole", rank=2)
    RevisionShapes.objects.all().delete()
    weights = broken.files.get(path="adapter_model.safetensors").blob_id
    blob_store().delete(weights)
    assert compare_all()["filled"] == 1
    assert (shape_digest_of(broken), shape_digest_of(whole) != "") == ("", True)


def test_the_listing_filters_by_what_fits_and_not_by_a_name(owner: User, base: BaseModel) -> None:
    published(owner, base, "lab/right")
    twin = register_base(owner, name="tiny/twin", shapes={f"{PROJECTION}.weight": [WIDTH, WIDTH]}).base
    wide = make_wide_base(owner)
    compare_all()
    found = {
        str(asked): [row.full_name for row in search(SearchQuery(fits=str(asked)), owner).rows]
        for asked in (base, twin, wide)
    }
    assert found == {"tiny/llama": ["lab/right"], "tiny/twin": ["lab/right"], "tiny/wide": []}


def test_a_shape_set_goes_with_the_last_revision_that_has_files_of_it(owner: User, base: BaseModel) -> None:
    first, second = published(owner, base, "lab/one"), published(owner, base, "lab/two", rank=8)
    digest = shape_digest_of(first)
    assert drop_unused_shapes() == 0
    release_files(Revision.objects.filter(pk=first.pk))
    assert drop_unused_shapes() == 0
    assert (shape_digest_of(first), shape_digest_of(second)) == ("", digest)
    release_files(Revision.objects.filter(pk=second.pk))
    assert drop_unused_shapes() == 1
    assert not ShapeSet.objects.exists()
    assert not BaseFit.objects.exists()


def test_what_was_dropped_comes_back_with_its_comparisons_when_it_is_pushed_again(owner: User, base: BaseModel) -> None:
    wide, first = make_wide_base(owner), published(owner, base, "lab/one")
    compare_all()
    release_files(Revision.objects.filter(pk=first.pk))
    drop_unused_shapes()
    Job.objects.all().delete()
    again = published(owner, base, "lab/two")
    assert fitting_digests(base) == [shape_digest_of(again)]
    assert Job.objects.filter(kind=COMPARE_SHAPES).count() == 1
    assert bases_behind() == [wide]


def test_the_daily_round_drops_what_nothing_uses(owner: User, base: BaseModel) -> None:
    release_files(Revision.objects.filter(pk=published(owner, base).pk))
    maintenance.compare_shapes()
    assert not ShapeSet.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_shapes_that_are_recorded_while_unused_ones_are_dropped_are_kept() -> None:
    owner = make_user("owner")
    make_namespace(owner)
    base = make_base(owner)
    revision = published(owner, base)
    shapes = shapes_of(revision)
    assert shapes is not None
    table = shapes.table

    def record() -> list[bool]:
        kept = []
        for _ in range(15):
            RevisionShapes.objects.filter(revision=revision).delete()
            record_shapes_of(revision, table, base=base)
            kept.append(ShapeSet.objects.filter(revisions__revision=revision).exists())
        return kept

    outcomes = together([record, lambda: [drop_unused_shapes() >= 0 for _ in range(15)]])
    assert outcomes == [[True] * 15] * 2
