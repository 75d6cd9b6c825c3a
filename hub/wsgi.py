"""WSGI entry point."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")
application = get_wsgi_application()

from hub.checks import refuse_to_start_wrongly  # noqa: E402  (needs Django to be set up)

# `manage.py` runs the checks by itself; a web server that loads this file does not.
refuse_to_start_wrongly()
