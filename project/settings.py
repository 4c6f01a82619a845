"""Settings of the demo project.

They only read the environment: the entry points (`manage.py`, `celery.py`, `wsgi.py`, `asgi.py`) put the embedded
services there first where none are given.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from kombu import Exchange, Queue

from project.services.secret import kept_secret

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = BASE_DIR / ".data"


def redis_neighbour(variable: str, url: str, offset: int) -> str:
    """Return the URL in `variable`, by default the Redis database `offset` after the one in `url`.

    Raises ImproperlyConfigured where there is no such default.
    """
    if variable in os.environ:
        return os.environ[variable]
    parts = urlsplit(url)
    if not parts.scheme.startswith("redis"):
        raise ImproperlyConfigured(f"CELERY_BROKER_URL is not a Redis: set {variable} too.")
    return parts._replace(path=f"/{int(parts.path.strip('/') or 0) + offset}").geturl()


# Security

DEBUG = os.environ.get("DJANGO_DEBUG", "1") == "1"
SECRET_KEY = os.environ.get("SECRET_KEY") or kept_secret(DATA_DIR / "secret")
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Application

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "drf_spectacular",
    "rest_framework",
    "catalog_search",
    "project.shop",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
ASGI_APPLICATION = "project.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Data

DATABASES = {
    "default": dj_database_url.parse(
        os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/catalog"),
        # The development server has a new thread for each connection of a browser, and none closes what it kept.
        conn_max_age=0 if DEBUG else 60,
        conn_health_checks=True,
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0")
CELERY_RESULT_BACKEND = redis_neighbour("CELERY_RESULT_BACKEND", CELERY_BROKER_URL, 1)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": redis_neighbour("CACHE_URL", CELERY_BROKER_URL, 2),
        # What is cached belongs to one database: a check beside the demo has the same keys for other products.
        "KEY_PREFIX": DATABASES["default"]["NAME"],
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
    }
}

# Language, time, files

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("sv", "Svenska"), ("hi", "हिन्दी")]
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
MEDIA_URL = "media/"
MEDIA_ROOT = Path(os.environ.get("MEDIA_ROOT", DATA_DIR / "media"))

# Celery

CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_RESULT_EXPIRES = 600
CELERY_TASK_DEFAULT_QUEUE = os.environ.get("SEARCH_QUEUE", "search")
# What somebody waits for must not stand behind indexing in bulk.
INTERACTIVE_QUEUE = f"{CELERY_TASK_DEFAULT_QUEUE}_interactive"
CELERY_TASK_QUEUES = [
    Queue(name, Exchange(name), routing_key=name) for name in (CELERY_TASK_DEFAULT_QUEUE, INTERACTIVE_QUEUE)
]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True

# A killed worker loses nothing: its tasks go back to the queue after visibility_timeout, which must exceed the
# longest of them. Kombu looks for them every interval x throttle, by default 100 seconds.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
REDELIVERY = {"visibility_timeout": 300, "unacked_restore_interval": 1, "unacked_restore_throttle": 1}

# A dead broker must not hold up a web page: the defaults wait 20 seconds, and for a mute one without end.
# Workers get the defaults back in celery.py.
NO_RETRIES = {"max_retries": 0, "interval_start": 0, "interval_step": 0, "interval_max": 0}
CELERY_TASK_PUBLISH_RETRY_POLICY = NO_RETRIES
CELERY_BROKER_TRANSPORT_OPTIONS = REDELIVERY | {
    "socket_connect_timeout": 0.1,
    "socket_timeout": 0.1,
    "max_retries": 0,
}
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {"retry_policy": NO_RETRIES}
CELERY_REDIS_SOCKET_CONNECT_TIMEOUT = 0.1
CELERY_REDIS_SOCKET_TIMEOUT = 0.5
CELERY_REDIS_RETRY_ON_TIMEOUT = False

# Search

WEIGHTS = BASE_DIR / "project" / "embedded" / "weights"


def revision(*names: str) -> str:
    """Return a digest of weights: a model trained anew is another one, whose vectors fit no index built before."""
    digest = hashlib.blake2b(digest_size=6)
    for name in names:
        digest.update((WEIGHTS / f"{name}.safetensors").read_bytes())
    return digest.hexdigest()


CATALOG_SEARCH = {
    "EMBEDDER": {
        "BACKEND": "catalog_search.backends.local.SentenceTransformerEmbedder",
        "OPTIONS": {
            "factory": "project.embedded.model.build_embedder",
            "revision": revision("image_tower"),
        },
    },
    "RERANKER": {
        "BACKEND": "catalog_search.backends.local.CrossEncoderReranker",
        "OPTIONS": {
            "factory": "project.embedded.reranker.build_reranker",
            "revision": revision("image_tower", "reranker"),  # it looks through the tower
        },
    },
    # Two cores that do everything else too read thirty products for the first time in half a second.
    "RERANK_SECONDS": 1.0,
    "MODEL_SECONDS": 3.0,
    "QUEUE": CELERY_TASK_DEFAULT_QUEUE,
    "MODEL_QUEUE": INTERACTIVE_QUEUE,
}
CELERY_BEAT_SCHEDULE = {
    "search-sweep": {"task": "catalog_search.sweep", "schedule": 30},
    "search-popular": {"task": "catalog_search.draw_popular_queries", "schedule": 3600},
    "search-forget": {"task": "catalog_search.forget_searches", "schedule": 24 * 3600},
}

# API

REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
SPECTACULAR_SETTINGS = {
    "TITLE": "Search of the demo shop",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "PREPROCESSING_HOOKS": ["catalog_search.api.schema.each_index"],
    "SERVE_INCLUDE_SCHEMA": False,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"catalog_search": {"level": "INFO"}, "project": {"level": "INFO"}},
}
