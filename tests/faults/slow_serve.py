"""`python -m tests.faults.slow_serve --port N`: `manage.py serve`, whose descriptions of base models take long."""

import os
import sys

import django
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")
    django.setup()
    from workers.kinds import HANDLERS

    HANDLERS["describe_base"].function = "tests.unit.workers.child_functions:describe_slowly"
    execute_from_command_line(["manage.py", "serve", *sys.argv[1:]])
