"""The least a django-bolt project needs, as in production: no debugging, and no access log.

`BoltAPI(enable_logging=False)` alone does not silence it under `runbolt`, which merges all APIs into one of its own;
the level of Django's server log does.
"""

from __future__ import annotations

DEBUG = False
SECRET_KEY = "a benchmark keeps no secrets"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "project.urls"
INSTALLED_APPS = ["django_bolt"]
USE_TZ = True
TIME_ZONE = "UTC"
LOGGING = {"version": 1, "disable_existing_loggers": False, "loggers": {"django.server": {"level": "WARNING"}}}
DJANGO_BOLT_LOG_LEVEL = "WARNING"
