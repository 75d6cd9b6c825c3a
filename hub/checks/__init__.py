"""System checks with stable ids: each names a wrong combination of settings and its fix.

``manage.py check`` shows them; a web process and a worker refuse to start on an error. The table in
docs/OPERATIONS.md lists them all, and a contract test compares.
"""

from hub.checks import database, limits, secrets, services
from hub.checks.starting import refuse_to_start_wrongly

__all__ = ["database", "limits", "refuse_to_start_wrongly", "secrets", "services"]
