"""The web process needs no torch: a slim web image can leave it out."""

import subprocess
import sys

from tests.functional.hub_process import REPOSITORY

PROGRAM = """
import sys, django
django.setup()
from django.urls import get_resolver
get_resolver().url_patterns
import hub.wsgi, hub.celery, workers.tasks, workers.kinds, workers.sender
print(sorted(name for name in sys.modules if name in ("torch", "transformers", "peft")))
"""


def test_urls_pages_api_and_sender_load_without_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=REPOSITORY, env={"DJANGO_SETTINGS_MODULE": "hub.settings"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
