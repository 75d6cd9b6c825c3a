"""SearchEntry: one narrow row for each adapter with something published; what every listing reads."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Left, Upper

from catalog.search.fields import TermsField

# What decides who may see an entry: an index that has it counts entries without looking at them.
_SEEN = ("revision", "namespace", "adapter", "is_public", "is_derived")


def _index_of(*fields: str, name: str, condition: Q | None = None) -> models.Index:
    more = [column for column in _SEEN if column not in fields]
    return models.Index(fields=[*fields, *more], name=name, condition=condition)


class SearchEntry(models.Model):
    """The default version of an adapter, or a record of another catalogue, as listings filter and sort it.

    A record has neither adapter, revision nor namespace. ``gain`` and ``best_score`` are of public evaluation sets
    alone: what everybody may see of every entry that he may see.
    """

    adapter = models.OneToOneField("adapters.Adapter", null=True, on_delete=models.CASCADE, related_name="entry")
    record = models.OneToOneField("records.Record", null=True, on_delete=models.CASCADE, related_name="entry")
    revision = models.ForeignKey("adapters.Revision", null=True, on_delete=models.CASCADE, related_name="+")
    namespace = models.ForeignKey(
        "accounts.Namespace", null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    base_model = models.ForeignKey(
        "bases.BaseModel", null=True, on_delete=models.SET_NULL, related_name="entries", db_index=False
    )
    full_name = models.CharField(max_length=200, unique=True)
    # The last word of the name, folded: what suggestions begin with.
    short_name = models.CharField(max_length=200, db_default="", default="")
    version = models.CharField(max_length=64)
    is_public = models.BooleanField()
    is_derived = models.BooleanField(default=False, db_default=False)
    summary = models.CharField(max_length=300, blank=True)
    architecture = models.CharField(max_length=80, blank=True, db_default="")
    method = models.CharField(max_length=60)
    rank = models.PositiveIntegerField(null=True)
    task = models.CharField(max_length=80, blank=True)
    domain = models.CharField(max_length=80, blank=True, db_default="")
    modality = models.CharField(max_length=80, blank=True, db_default="")
    languages = models.TextField(blank=True)
    tags = models.TextField(blank=True)
    license = models.CharField(max_length=200, blank=True)
    size_bytes = models.BigIntegerField()
    # Of the modules and shapes that validation has seen: whatever fits one base model fits it for all of a digest.
    shape_digest = models.CharField(max_length=64, blank=True, db_default="")
    best_score = models.FloatField(null=True)
    gain = models.FloatField(null=True)
    downloads = models.BigIntegerField(default=0)
    published_at = models.DateTimeField()

    class Meta:
        # Each filter in the order of the default sorting: the first page stops after its rows, however many there are.
        indexes = [
            _index_of("namespace", "-downloads", "-id", name="entries_of_namespace"),
            # With what is asked together with a base model most often.
            _index_of(
                "base_model", "-downloads", "-id", "method", "rank", "published_at", name="entries_of_base_model"
            ),
            _index_of("base_model", "method", "-downloads", "-id", name="entries_of_base_method"),
            _index_of("method", "-downloads", "-id", name="entries_of_method"),
            _index_of("task", "-downloads", "-id", name="entries_of_task"),
            models.Index(Upper("license"), F("downloads").desc(), F("id").desc(), name="entry_by_license"),
            models.Index(fields=["-downloads", "-id"], name="entry_by_downloads"),
            models.Index(fields=["-published_at", "-id"], name="entry_by_date"),
            _index_of("architecture", "-downloads", "-id", name="entries_of_architecture"),
            _index_of("rank", "-downloads", "-id", name="entries_of_rank"),
            _index_of("size_bytes", name="entries_of_size"),
            _index_of("shape_digest", "-downloads", "-id", name="entries_of_shapes"),
            models.Index(fields=["-gain", "-id"], name="entry_by_gain", condition=Q(gain__isnull=False)),
            models.Index(
                fields=["-best_score", "-id"], name="entry_by_best_score", condition=Q(best_score__isnull=False)
            ),
            _index_of(
                "base_model",
                "-best_score",
                "-id",
                name="entries_of_base_by_score",
                condition=Q(best_score__isnull=False),
            ),
            # What not everybody sees, and what must be asked whether he does.
            models.Index(fields=["namespace", "-downloads"], name="entry_private", condition=Q(is_public=False)),
            models.Index(fields=["-downloads"], name="entry_derived", condition=Q(is_derived=True)),
            models.Index(fields=["-downloads"], name="entry_elsewhere", condition=Q(adapter__isnull=True)),
            # Names that begin alike: the most downloaded of many, and all of a few.
            models.Index(Left("short_name", 3), F("downloads").desc(), F("id").desc(), name="entry_by_first_letters"),
            models.Index(fields=["short_name"], name="entry_by_short_name", opclasses=["varchar_pattern_ops"]),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(adapter__isnull=False) ^ Q(record__isnull=False), name="entry_of_an_adapter_or_a_record"
            )
        ]

    def __str__(self) -> str:
        return self.full_name


class SearchText(models.Model):
    """The words of an entry, apart from it: counting a download must not write the index over every word again.

    Each text is words between blanks, as :mod:`catalog.search.tokens` cuts them: ``head`` of name, task and tags,
    ``text`` of everything else, ``labels`` such as `` #legal @de method=lora ``. Triggers make the index of them.
    """

    entry = models.OneToOneField(SearchEntry, on_delete=models.CASCADE, related_name="words", primary_key=True)
    head = models.TextField(blank=True, db_default="")
    text = models.TextField(blank=True)
    labels = models.TextField(blank=True)


class SearchTerms(models.Model):
    """The index over those words (:mod:`catalog.search.word_index`), asked by ``terms__match``.

    PostgreSQL has the columns of the entry that a search asks beside its words, by the same names, and the magnitude of
    its downloads; on SQLite the table has no columns but the first two.
    """

    entry = models.OneToOneField(
        SearchEntry, on_delete=models.DO_NOTHING, related_name="+", primary_key=True, db_column="rowid"
    )
    terms = TermsField(db_column="search_terms")
    weight = models.SmallIntegerField()
    is_public = models.BooleanField()
    is_derived = models.BooleanField()
    namespace = models.ForeignKey("accounts.Namespace", null=True, on_delete=models.DO_NOTHING, related_name="+")
    adapter = models.ForeignKey("adapters.Adapter", null=True, on_delete=models.DO_NOTHING, related_name="+")
    revision = models.ForeignKey("adapters.Revision", null=True, on_delete=models.DO_NOTHING, related_name="+")
    base_model = models.ForeignKey("bases.BaseModel", null=True, on_delete=models.DO_NOTHING, related_name="+")
    downloads = models.BigIntegerField()
    published_at = models.DateTimeField()
    size_bytes = models.BigIntegerField()
    gain = models.FloatField(null=True)
    best_score = models.FloatField(null=True)
    rank = models.PositiveIntegerField(null=True)
    architecture = models.CharField(max_length=80)
    method = models.CharField(max_length=60)
    task = models.CharField(max_length=80)
    domain = models.CharField(max_length=80)
    modality = models.CharField(max_length=80)
    license = models.CharField(max_length=200)
    languages = models.TextField()
    shape_digest = models.CharField(max_length=64)

    class Meta:
        managed = False
        db_table = "search_terms"


class FacetCount(models.Model):
    """How many entries that everybody sees carry a value; the sweep counts them (:mod:`catalog.search.counting`).

    ``value`` is what filters are given; base models and namespaces stand by name. ``facet`` is also ``tag``,
    ``weight`` for the magnitudes of downloads, and ``floor`` (:mod:`catalog.search.floors`).
    """

    facet = models.CharField(max_length=20)
    value = models.CharField(max_length=300)
    # What suggestions begin with.
    folded = models.CharField(max_length=300)
    count = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["facet", "value"], name="one_count_per_value")]
        indexes = [
            models.Index(fields=["facet", "-count", "value"], name="values_by_count"),
            models.Index(fields=["facet", "folded"], name="values_by_word", opclasses=["", "varchar_pattern_ops"]),
        ]

    def __str__(self) -> str:
        return f"{self.facet} {self.value}: {self.count}"


class FacetState(models.Model):
    """When the values were counted last, and how many entries there were: one row."""

    counted_at = models.DateTimeField()
    entries = models.PositiveIntegerField(default=0)


class EntryScore(models.Model):
    """The newest score of an entry's version on all rows of an evaluation set's newest revision that it was run on.

    ``merit`` is the score, negative where less is better, so that the best is the highest on every set.
    """

    entry = models.ForeignKey(SearchEntry, on_delete=models.CASCADE, related_name="scores")
    evaluation_set = models.ForeignKey(
        "evaluations.EvaluationSet", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    score = models.FloatField()
    merit = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["entry", "evaluation_set"], name="one_score_per_entry_and_set")]
        indexes = [models.Index(fields=["evaluation_set", "-merit", "-entry"], name="entries_by_score")]

    def __str__(self) -> str:
        return f"{self.entry} on {self.evaluation_set}: {self.score:g}"


class DownloadCount(models.Model):
    """Downloads of an adapter on one day, apart from the rows that listings read."""

    adapter = models.ForeignKey("adapters.Adapter", on_delete=models.CASCADE, related_name="download_counts")
    day = models.DateField()
    count = models.PositiveBigIntegerField(default=0)
    # How many of them the adapter's entry already shows.
    carried = models.PositiveBigIntegerField(default=0, db_default=0)

    class Meta:
        indexes = [models.Index(fields=["id"], name="counts_to_carry", condition=~Q(count=F("carried")))]
        constraints = [models.UniqueConstraint(fields=["adapter", "day"], name="one_count_per_day")]
