"""EvaluationSet, SetRevision, SetFile, Evaluation, Predictions, Uncertainty, Policy."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from catalog.evaluations.querysets import EvaluationQuerySet, EvaluationSetQuerySet, UncertaintyQuerySet
from catalog.named import Named


class Harness(models.TextChoices):
    """What runs a set: which head a model needs, and what an answer is."""

    SEQUENCE_CLASSIFICATION = "sequence_classification"
    TOKEN_CLASSIFICATION = "token_classification"
    EMBEDDINGS = "embeddings"
    SIMILARITY = "similarity"
    GENERATION = "generation"
    LANGUAGE_MODEL = "language_model"


class EvaluationSet(Named):
    """A name for rows to measure on. Its revisions are immutable, and a score belongs to one of them."""

    namespace = models.ForeignKey("accounts.Namespace", on_delete=models.PROTECT, related_name="evaluation_sets")
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawal_reason = models.CharField(max_length=500, blank=True, db_default="")

    objects = EvaluationSetQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["namespace", "folded"], name="one_set_per_folded_name")]
        ordering = ["namespace__name", "name"]


class SetRevision(models.Model):
    """An immutable state of a set: its rows by digest, and how they are read, asked and scored.

    ``digest`` is the SHA-256 of everything that decides a score: the digest of every file, harness, columns, labels,
    template, metric and options. ``columns`` says which column of the files plays which part, such as
    ``{"text": "sentence", "label": "class"}``. The rows of a hidden revision never leave the hub. A withdrawn one has
    no rows any more; what was measured on it stays.
    """

    evaluation_set = models.ForeignKey(EvaluationSet, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    harness = models.CharField(max_length=32, choices=Harness)
    metric = models.CharField(max_length=40)
    task = models.CharField(max_length=80, blank=True)
    languages = models.JSONField(default=list)
    license = models.CharField(max_length=200, blank=True)
    labels = models.JSONField(default=list)
    columns = models.JSONField(default=dict)
    template = models.TextField(blank=True)
    options = models.JSONField(default=dict)
    is_hidden = models.BooleanField(default=False)
    rows = models.PositiveIntegerField()
    size_bytes = models.BigIntegerField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawal_reason = models.CharField(max_length=500, blank=True, db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["evaluation_set", "number"], name="one_set_revision_per_number"),
            models.UniqueConstraint(fields=["evaluation_set", "digest"], name="one_set_revision_per_digest"),
        ]
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.evaluation_set}@{self.number}"


class SetFile(models.Model):
    """One split of a set's revision: ``test``, ``train`` for probes, ``anchor``, ``corpus``, ``queries``."""

    revision = models.ForeignKey(SetRevision, on_delete=models.CASCADE, related_name="files")
    split = models.CharField(max_length=20)
    path = models.CharField(max_length=300)
    blob = models.ForeignKey("adapters.Blob", on_delete=models.PROTECT, related_name="set_files")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["revision", "split"], name="one_set_file_per_split")]
        ordering = ["split"]


class EvaluationState(models.TextChoices):
    """Where an evaluation stands."""

    WAITING = "waiting"
    MEASURED = "measured"
    FAILED = "failed"


class Cause(models.TextChoices):
    """Who wanted it: somebody, a policy, or the comparison with the base model itself."""

    REQUEST = "request"
    POLICY = "policy"
    BASELINE = "baseline"


class Evaluation(models.Model):
    """One revision of an adapter, or a base model alone, measured once on one revision of a set.

    ``settings`` is what was asked for (seed, probe, limit, batch size, ...), ``used`` what it came to (batch size,
    halvings, device, threads), so that the same can be done again. ``metrics`` holds, by name, ``value``, ``low``,
    ``high`` (95 % bootstrap interval) and ``higher_is_better``; ``score`` with its bounds repeats the set's own metric.
    A ``companion`` is a second adapter that acted beside the first, such as one for a language below one for a task;
    such scores are on no board and guard nothing.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    revision = models.ForeignKey(
        "adapters.Revision", null=True, blank=True, on_delete=models.CASCADE, related_name="evaluations"
    )
    base_model = models.ForeignKey("bases.BaseModel", on_delete=models.PROTECT, related_name="evaluations")
    companion = models.ForeignKey(
        "adapters.Revision", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    set_revision = models.ForeignKey(SetRevision, on_delete=models.CASCADE, related_name="evaluations")
    state = models.CharField(max_length=16, choices=EvaluationState, default=EvaluationState.WAITING)
    cause = models.CharField(max_length=16, choices=Cause, default=Cause.REQUEST)
    job = models.ForeignKey("jobs.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="evaluations")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    settings = models.JSONField(default=dict)
    error = models.JSONField(null=True, blank=True)

    metrics = models.JSONField(default=dict)
    score = models.FloatField(null=True, blank=True)
    score_low = models.FloatField(null=True, blank=True)
    score_high = models.FloatField(null=True, blank=True)
    efficiency = models.JSONField(default=dict)
    predictions_digest = models.CharField(max_length=64, blank=True)
    used = models.JSONField(default=dict)
    versions = models.JSONField(default=dict)
    seconds = models.FloatField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    measured_at = models.DateTimeField(null=True, blank=True)

    objects = EvaluationQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["set_revision", "base_model", "-score"], name="evaluation_leaders"),
            models.Index(fields=["revision", "set_revision", "-measured_at"], name="evaluation_newest"),
            models.Index(fields=["-created_at", "-id"], name="evaluation_listing"),
        ]

    def __str__(self) -> str:
        return f"{self.revision or self.base_model} on {self.set_revision}"


class Predictions(models.Model):
    """Every answer of one evaluation, in the order of the set's rows: deflated columns of canonical JSON.

    The columns are ``answer`` and ``right`` (1, 0, or a score from 0 to 1) of each row, and what the harness adds.
    The digest of the JSON is the evaluation's ``predictions_digest``.
    """

    evaluation = models.OneToOneField(
        Evaluation, on_delete=models.CASCADE, related_name="predictions", primary_key=True
    )
    deflated = models.BinaryField()


class Uncertainty(models.Model):
    """How much noise one revision of an adapter bears on one revision of a set, found by training-free Bayesianisation.

    ``sigma`` is the standard deviation of the noise on its updates; 0 where even the smallest was too much. ``before``
    and ``after`` hold ``accuracy``, ``ece`` and ``nll`` of the split ``test``, of the adapter itself and of the mean of
    its sampled answers. ``used`` holds every try of the search, and all that is needed to do the same again.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    revision = models.ForeignKey("adapters.Revision", on_delete=models.CASCADE, related_name="uncertainties")
    set_revision = models.ForeignKey(SetRevision, on_delete=models.CASCADE, related_name="uncertainties")
    state = models.CharField(max_length=16, choices=EvaluationState, default=EvaluationState.WAITING)
    job = models.ForeignKey("jobs.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="uncertainties")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    settings = models.JSONField(default=dict)
    error = models.JSONField(null=True, blank=True)
    sigma = models.FloatField(null=True, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    used = models.JSONField(default=dict)
    versions = models.JSONField(default=dict)
    seconds = models.FloatField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    measured_at = models.DateTimeField(null=True, blank=True)

    objects = UncertaintyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"uncertainty of {self.revision} on {self.set_revision}"


class Policy(models.Model):
    """Which set runs by itself for a namespace's uploads of a task and language, and whether it guards publication.

    An empty task or language stands for any. With ``largest_drop``, a version is published only when its score is
    measured and not more than that below the version before. With ``most_negative_flips``, no larger share of the rows
    that the version before had right (0 to 1 of all rows) may be wrong now.
    """

    namespace = models.ForeignKey("accounts.Namespace", on_delete=models.CASCADE, related_name="evaluation_policies")
    evaluation_set = models.ForeignKey(EvaluationSet, on_delete=models.CASCADE, related_name="policies")
    task = models.CharField(max_length=80, blank=True)
    language = models.CharField(max_length=35, blank=True)
    largest_drop = models.FloatField(null=True, blank=True)
    most_negative_flips = models.FloatField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["namespace", "evaluation_set", "task", "language"], name="one_policy_per_set_and_scope"
            ),
            models.CheckConstraint(
                condition=Q(largest_drop__isnull=True) | Q(largest_drop__gte=0), name="a_drop_is_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(most_negative_flips__isnull=True) | Q(most_negative_flips__range=(0, 1)),
                name="flips_are_a_share_of_the_rows",
            ),
        ]

    @property
    def is_gate(self) -> bool:
        """Whether it guards publication."""
        return self.largest_drop is not None or self.most_negative_flips is not None

    def __str__(self) -> str:
        return (
            f"{self.namespace}: {self.evaluation_set} for {self.task or 'any task'}, {self.language or 'any language'}"
        )
