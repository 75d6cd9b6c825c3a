"""Where a job's draft goes, as requests say it."""

from typing import Any

from rest_framework import serializers

from catalog.adapters.models import Visibility
from catalog.derivations.targets import Target
from hub.api.shapes import Input


class TargetInput(Input):
    """Where the draft goes, and what is said of it."""

    adapter = serializers.CharField(max_length=200)
    version = serializers.CharField(max_length=64, default="", allow_blank=True)
    visibility = serializers.ChoiceField(Visibility.values, required=False)
    license = serializers.CharField(max_length=200, default="", allow_blank=True)
    summary = serializers.CharField(max_length=300, default="", allow_blank=True)


def target_of(given: dict[str, Any]) -> Target:
    """Where a body wants its draft."""
    return Target(given["adapter"], given["version"], given.get("visibility", ""), given["license"], given["summary"])
