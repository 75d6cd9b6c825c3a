"""All settings, from the environment; the defaults are the embedded profile (one machine, one process).

Every variable is explained in docs/OPERATIONS.md; a contract test compares the two. Wrong values load, and the system
checks (``hub/checks``) say what is wrong.
"""

from pathlib import Path

import environ

from hub import __version__
from hub.logs import logging_settings
from hub.profile import cache_settings, database_settings, is_production
from hub.secret import embedded_secret_key

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent

# Where the embedded profile keeps its database, blobs and secret key.
HUB_DATA_DIR = Path(env.str("HUB_DATA_DIR", default=str(BASE_DIR / "data"))).resolve()
HUB_DATA_DIR.mkdir(parents=True, exist_ok=True)

# Three URLs name the services: nothing, or PostgreSQL, Redis and S3.
DATABASE_URL = env.str("DATABASE_URL", default="")
HUB_BROKER_URL = env.str("HUB_BROKER_URL", default="memory://localhost/")
HUB_STORAGE_URL = env.str("HUB_STORAGE_URL", default=str(HUB_DATA_DIR / "store"))
HUB_PRODUCTION = is_production(
    database_url=DATABASE_URL,
    broker_url=HUB_BROKER_URL,
    storage_url=HUB_STORAGE_URL,
    declared=env.bool("HUB_PRODUCTION", default=False),
)

DEBUG = env.bool("HUB_DEBUG", default=False)
# In production a secret has no default: several machines must share it, and a backup must not lose it.
SECRET_KEY = env.str("HUB_SECRET_KEY", default="") or ("" if HUB_PRODUCTION else embedded_secret_key(HUB_DATA_DIR))
ALLOWED_HOSTS = env.list("HUB_ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
# How many proxies stand before the hub. Only their word about the caller's address and HTTPS is believed.
HUB_PROXIES = env.int("HUB_PROXIES", default=0)
# gunicorn reads the same variable.
HUB_WEB_PROCESSES = env.int("WEB_CONCURRENCY", default=1)
SILENCED_SYSTEM_CHECKS = env.list("HUB_SILENCED_CHECKS", default=[])
HUB_VERSION = __version__

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "catalog.accounts",
    "catalog.bases",
    "catalog.adapters",
    "catalog.access",
    "catalog.jobs",
    "catalog.evidence",
    "catalog.evaluations",
    "catalog.derivations",
    "catalog.families",
    "catalog.removals",
    "catalog.similarity",
    "catalog.fits",
    "catalog.uploads",
    "catalog.reviews",
    "catalog.records",
    "catalog.collections",
    "catalog.search",
    "catalog.retention",
    "workers",
    "frontend",
    "hub",
]

MIDDLEWARE = [
    "hub.proxies.CallerAddress",
    "hub.requests.RequestLog",
    "hub.machines.ForMachines",
    "hub.nul.NothingForNul",
    "django.middleware.security.SecurityMiddleware",
    "hub.lean.Compressed",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "hub.lean.Policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "hub.lean.Language",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "hub.lean.Messages",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "hub.lean.Htmx",
]

ROOT_URLCONF = "hub.urls"
WSGI_APPLICATION = "hub.wsgi.application"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Whether PostgreSQL plans the most frequent statements once for each connection.
HUB_DATABASE_PREPARED = env.bool("HUB_DATABASE_PREPARED", default=True)
DATABASES = {
    "default": database_settings(
        DATABASE_URL,
        HUB_DATA_DIR,
        pool_size=env.int("HUB_DATABASE_POOL", default=8),
        statement_seconds=env.int("HUB_DATABASE_STATEMENT_SECONDS", default=30),
        is_prepared=HUB_DATABASE_PREPARED,
    )
}
CACHES = {"default": cache_settings(HUB_BROKER_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["catalog.accounts.backends.PasswordBackend"]
HUB_WRONG_PASSWORDS_PER_MINUTE = env.int("HUB_WRONG_PASSWORDS_PER_MINUTE", default=10)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"

LANGUAGE_CODE = "en"
# Offered are the languages whose catalogue is whole: docs/TRANSLATING.md.
LANGUAGES = [("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = HUB_DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# Bytes
HUB_PART_SIZE_BYTES = env.int("HUB_PART_SIZE_BYTES", default=8 << 20)
HUB_MAX_FILE_BYTES = env.int("HUB_MAX_FILE_BYTES", default=20 << 30)
HUB_MAX_FILES = env.int("HUB_MAX_FILES", default=256)
HUB_MAX_SET_BYTES = env.int("HUB_MAX_SET_BYTES", default=64 << 20)
HUB_MAX_SET_ROWS = env.int("HUB_MAX_SET_ROWS", default=200_000)
HUB_UPLOAD_HOURS = env.int("HUB_UPLOAD_HOURS", default=24)
# Bytes that nothing refers to are condemned after the grace and deleted after the wait.
HUB_GC_GRACE_SECONDS = env.int("HUB_GC_GRACE_SECONDS", default=24 * 3600)
HUB_GC_WAIT_SECONDS = env.int("HUB_GC_WAIT_SECONDS", default=3600)
HUB_GC_EVERY_SECONDS = env.int("HUB_GC_EVERY_SECONDS", default=3600)
HUB_KEEP_REFUSED_DAYS = env.int("HUB_KEEP_REFUSED_DAYS", default=30)
# Jobs that ended, with their logs; 0 keeps them for ever.
HUB_KEEP_JOBS_DAYS = env.int("HUB_KEEP_JOBS_DAYS", default=90)
# How much of the store is hashed again every day.
HUB_SCRUB_SHARE = env.float("HUB_SCRUB_SHARE", default=0.02)
# How long a process counts downloads in memory before it writes them; what a kill loses. 0 writes each at once.
HUB_DOWNLOAD_FLUSH_SECONDS = env.int("HUB_DOWNLOAD_FLUSH_SECONDS", default=5)
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 << 20

# Jobs
HUB_JOB_SENDER = env.str("HUB_JOB_SENDER", default="workers.sender.send")
HUB_JOB_REVIVER = "workers.kinds.revive"
HUB_JOB_LEASE_SECONDS = env.int("HUB_JOB_LEASE_SECONDS", default=30)
HUB_JOB_MAX_ATTEMPTS = env.int("HUB_JOB_MAX_ATTEMPTS", default=3)
HUB_JOB_SWEEP_SECONDS = env.int("HUB_JOB_SWEEP_SECONDS", default=30)
HUB_JOB_LOOK_SECONDS = env.float("HUB_JOB_LOOK_SECONDS", default=5.0)
# A worker whose clock differs more from the database's claims nothing; 0 lets it work.
HUB_CLOCK_SKEW_SECONDS = env.int("HUB_CLOCK_SKEW_SECONDS", default=300)
HUB_WORKER_THREADS = env.int("HUB_WORKER_THREADS", default=2)
HUB_CHILD_MEMORY_BYTES = env.int("HUB_CHILD_MEMORY_BYTES", default=2 << 30)
# Jobs that may use a CUDA device: their limit is on resident memory, which is watched.
HUB_DEVICE_CHILD_MEMORY_BYTES = env.int("HUB_DEVICE_CHILD_MEMORY_BYTES", default=8 << 30)
HUB_CHILD_FILE_BYTES = env.int("HUB_CHILD_FILE_BYTES", default=8 << 30)
HUB_CHILD_SECONDS = env.int("HUB_CHILD_SECONDS", default=300)
# Up to twenty adapters on one set in one child.
HUB_EVALUATION_SECONDS = env.int("HUB_EVALUATION_SECONDS", default=3600)
# Two trainings and their measuring in one child.
HUB_TRAINING_SECONDS = env.int("HUB_TRAINING_SECONDS", default=7200)
# A few modules of a family's basis in one child.
HUB_FIT_SECONDS = env.int("HUB_FIT_SECONDS", default=3600)
HUB_EVALUATION_THREADS = env.int("HUB_EVALUATION_THREADS", default=1)
# Base models' weights by their ids, such as sentence-transformers/all-MiniLM-L6-v2, on this worker.
HUB_BASE_WEIGHTS_DIR = env.str("HUB_BASE_WEIGHTS_DIR", default="")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "hub.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["hub.api.authentication.ScopePermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["hub.api.shapes.JsonParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "hub.api.errors.handle",
    # hub.proxies has put the caller's address into REMOTE_ADDR; no header is believed after that.
    "NUM_PROXIES": 0,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Adapter Hub",
    "DESCRIPTION": "Registry for model adapters. Rules, errors and quirks: docs/API-DESIGN.md.",
    "VERSION": __version__,
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    # Several nouns have a state, each its own words for it.
    "ENUM_NAME_OVERRIDES": {
        "EvaluationState": ["waiting", "measured", "failed"],
        "DerivationState": ["waiting", "made", "failed"],
        "BasisState": ["waiting", "ready", "failed", "withdrawn"],
        "FitState": ["compressed", "waiting", "uncompressed", "withdrawn"],
    },
}

# Pages load nothing from elsewhere and run no inline script.
CONTENT_SECURITY_POLICY = {
    "EXCLUDE_URL_PREFIXES": ["/api/v1/docs"],
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
    },
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("HUB_SECURE_COOKIES", default=HUB_PRODUCTION)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HUB_PROXIES else None
CSRF_TRUSTED_ORIGINS = env.list("HUB_TRUSTED_ORIGINS", default=[])

# Who may read /metrics: holders of the token, and callers from these networks. Nobody by default.
HUB_METRICS_TOKEN = env.str("HUB_METRICS_TOKEN", default="")
HUB_METRICS_NETWORKS = env.list("HUB_METRICS_NETWORKS", default=[])
# A worker serves no HTTP: it shows its figures on a port of its own.
HUB_METRICS_PORT = env.int("HUB_METRICS_PORT", default=0)
HUB_METRICS_ADDRESS = env.str("HUB_METRICS_ADDRESS", default="127.0.0.1")

LOGGING = logging_settings(
    format=env.str("HUB_LOG_FORMAT", default="json" if HUB_PRODUCTION else "text"),
    level=env.str("HUB_LOG_LEVEL", default="INFO"),
)
