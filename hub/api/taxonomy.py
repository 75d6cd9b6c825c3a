"""``/taxonomy``: the words of this hub for tasks, domains, modalities, methods, languages and licences."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.taxonomy.domains import all_domains, all_modalities
from catalog.taxonomy.languages import all_languages, own_name
from catalog.taxonomy.licenses import all_terms
from catalog.taxonomy.methods import all_methods
from catalog.taxonomy.tasks import all_tasks
from hub.api.shapes import Output, refuse_unknown_parameters


class WordOutput(Output):
    """A word with an id that stays."""

    id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    about = serializers.CharField()
    aliases = serializers.ListField(child=serializers.CharField())


class TaskOutput(WordOutput):
    """A task: ``parent`` is what it is a kind of; ``inputs`` and ``outputs`` are modalities."""

    parent = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    inputs = serializers.ListField(child=serializers.CharField())
    outputs = serializers.ListField(child=serializers.CharField())
    domains = serializers.ListField(child=serializers.CharField())
    metrics = serializers.ListField(child=serializers.CharField())
    caution = serializers.CharField(allow_blank=True)


class DomainOutput(WordOutput):
    """A field of work."""

    caution = serializers.CharField(allow_blank=True)


class MethodOutput(WordOutput):
    """A method of the recogniser."""

    family = serializers.CharField()
    level = serializers.CharField()
    paper = serializers.CharField(allow_blank=True)


class LanguageOutput(Output):
    """A language by its BCP-47 tag."""

    tag = serializers.CharField()
    name = serializers.CharField()
    own_name = serializers.CharField(allow_blank=True)


class TermsOutput(Output):
    """What a licence lets people do, as far as this hub knows."""

    id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    commercial = serializers.BooleanField()
    derivatives = serializers.BooleanField()
    share_alike = serializers.BooleanField()


class TaxonomyOutput(Output):
    """Every word that filters and pages know; other words are taken too, and found as they are written."""

    tasks = TaskOutput(many=True)
    domains = DomainOutput(many=True)
    modalities = WordOutput(many=True)
    methods = MethodOutput(many=True)
    languages = LanguageOutput(many=True)
    licenses = TermsOutput(many=True)


class TaxonomyView(APIView):
    """The taxonomy."""

    @extend_schema(summary="Words for tasks, domains, methods and languages", responses=TaxonomyOutput)
    def get(self, request: Request) -> Response:
        refuse_unknown_parameters(request, set())
        listed: dict[str, Callable[[], tuple[Any, ...]]] = {
            "tasks": all_tasks,
            "domains": all_domains,
            "modalities": all_modalities,
            "methods": all_methods,
        }
        body: dict[str, Any] = {name: [asdict(row) for row in rows()] for name, rows in listed.items()}
        body["languages"] = [
            {"tag": tag, "name": name, "own_name": own_name(tag)} for tag, name in all_languages().items()
        ]
        body["licenses"] = [asdict(row) for row in all_terms()]
        return Response(TaxonomyOutput(body).data)
