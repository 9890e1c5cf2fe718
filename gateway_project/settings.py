"""Django settings, from the environment only; `gateway_project.environment` has the variables."""

import os
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from bots.core.scopes import SCOPES
from gateway_project import backends, environment, keys
from gateway_project import logging as gateway_logging

BASE_DIR = Path(__file__).resolve().parent.parent
ENVIRONMENT = environment.read(os.environ)
VAR_DIR = keys.private_directory(ENVIRONMENT.var_dir)

# Identity.
SECRET_KEY = ENVIRONMENT.secret_key or keys.stored_key(VAR_DIR / "secret.key")
DEBUG = ENVIRONMENT.debug

# The gateway.
VERSION = "0.1.0"
DEMO = ENVIRONMENT.demo
MAX_CALLS = ENVIRONMENT.max_calls
# Where web processes of this installation listen for each other, if there are several.
PROCESS_SOCKETS = backends.process_socket(VAR_DIR, 0).parent
DRAIN_SECONDS = ENVIRONMENT.drain_seconds
OUTBOUND_ALLOW = ENVIRONMENT.outbound_allow
HOOKS_MODULES = ENVIRONMENT.hooks_modules
HOOKS_DIR = ENVIRONMENT.hooks_dir
HOOKS_DEADLINE_MS = ENVIRONMENT.hooks_deadline_ms
TTS_CACHE_DIR = ENVIRONMENT.tts_cache_dir or VAR_DIR / "tts-cache"
TTS_CACHE_HOURS = ENVIRONMENT.tts_cache_hours
TTS_CACHE_MB = ENVIRONMENT.tts_cache_mb
PUBLIC_URL = ENVIRONMENT.public_url or f"http://127.0.0.1:{ENVIRONMENT.port}"

# Alarms, metrics and traces.
_public_name = urlsplit(PUBLIC_URL).hostname or ""
GATEWAY_NAME = ENVIRONMENT.gateway_name or (
    # Several that nobody gave an address of their own would all have the same name.
    socket.gethostname() if _public_name in ("127.0.0.1", "localhost", "::1") else _public_name
)
ALARM_HISTORY = ENVIRONMENT.alarm_history
SNMP_ENTERPRISE = ENVIRONMENT.snmp_enterprise
METRICS_TOKEN = ENVIRONMENT.metrics_token
OTLP_ENDPOINT = ENVIRONMENT.otlp_endpoint
TRACE_URL = ENVIRONMENT.trace_url

# Hosts, TLS and cookies.
_behind_tls = urlsplit(PUBLIC_URL).scheme == "https"
ALLOWED_HOSTS = [
    "localhost",
    "127.0.0.1",
    "[::1]",
    *([] if ENVIRONMENT.host in ("0.0.0.0", "::") else [ENVIRONMENT.host]),  # noqa: S104 - compared
    *filter(None, [urlsplit(PUBLIC_URL).hostname]),
    *ENVIRONMENT.allowed_hosts,
]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SESSION_COOKIE_NAME = "__Host-gateway" if _behind_tls else "gateway"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _behind_tls
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# Half an hour after the last open page, and after a shift in any case (see the middleware).
SESSION_COOKIE_AGE = 30 * 60
SESSION_LONGEST_SECONDS = 8 * 3600
SECURE_HSTS_SECONDS = 31_536_000 if _behind_tls else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if ENVIRONMENT.proxy_headers:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = _behind_tls
# Asked without the proxy too.
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$", r"^voice/", r"^metrics(/process)?$"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "media-src": [SELF, "blob:"],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "report-uri": ["/csp-report"],
    }
}

INSTALLED_APPS = [
    "gateway_project",
    "bots",
    "calls",
    "alarms",
    "channels",
    "oauth2_provider",
    "django_htmx",
    "csp",
    "axes",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "gateway_project.numbering.numbered",
    "gateway_project.measured.requests",
    "django.middleware.security.SecurityMiddleware",
    "gateway_project.api_frame.machine_requests",
    "gateway_project.middleware.StaticFiles",
    "gateway_project.middleware.permissions_policy",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "gateway_project.middleware.storable_text",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "gateway_project.middleware.acting_person",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
SINGLE_SIGN_ON = bool(ENVIRONMENT.oidc_issuer)
if SINGLE_SIGN_ON:
    AUTHENTICATION_BACKENDS.append("gateway_project.oidc.SignOn")
# What `gateway_project.oidc` and the package below it read.
OIDC_ISSUER = ENVIRONMENT.oidc_issuer
OIDC_RP_CLIENT_ID = ENVIRONMENT.oidc_client_id
OIDC_RP_CLIENT_SECRET = ENVIRONMENT.oidc_client_secret
OIDC_RP_SCOPES = " ".join(ENVIRONMENT.oidc_scopes)
OIDC_RP_SIGN_ALGO = "RS256"
OIDC_USE_PKCE = True
OIDC_TIMEOUT = 10
OIDC_ROLE_CLAIM = ENVIRONMENT.oidc_role_claim
OIDC_ROLES = dict(ENVIRONMENT.oidc_roles)
# No password is guessed there.
AXES_WHITELIST_CALLABLE = "gateway_project.signing_in.without_password"
# One person behind one address: others at the same address can still sign in.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
# Who signed in is in the audit log, which expires; that of the package never would.
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
# The page says when to try again; that must stay true.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_CALLABLE = "gateway_project.signing_in.locked_out"
AXES_IPWARE_PROXY_COUNT = 0
ROOT_URLCONF = "gateway_project.urls"
ASGI_APPLICATION = "gateway_project.asgi.application"
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
                "gateway_project.context.console",
            ]
        },
    }
]

# Storage.
DATABASES = {"default": backends.database(ENVIRONMENT.database_url, VAR_DIR)}
FIELD_KEYS = keys.field_keys(
    ENVIRONMENT.field_keys,
    VAR_DIR / "field.key",
    shared=DATABASES["default"]["ENGINE"] != "django.db.backends.sqlite3",
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = False
WHITENOISE_ALLOW_ALL_ORIGINS = False

# Language and time.
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "gateway_project" / "locale"]
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = _behind_tls

# People and machine clients.
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = LOGIN_URL
# Of the one-time links by which people choose a password.
PASSWORD_RESET_TIMEOUT = 24 * 3600
AUDIT_DAYS = ENVIRONMENT.audit_days
API_BASIC_AUTH = ENVIRONMENT.api_basic_auth
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    # For the 128 random characters of API client secrets only; never the default.
    "bots.access.ApiSecretHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
OAUTH2_PROVIDER_APPLICATION_MODEL = "bots.ApiClient"
OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL = "oauth2_provider.AccessToken"  # noqa: S105 - a model
OAUTH2_PROVIDER = {
    "SCOPES": {scope.name: scope.help for scope in SCOPES.values()},
    "SCOPES_BACKEND_CLASS": "bots.access.ClientScopes",
    "ACCESS_TOKEN_EXPIRE_SECONDS": 3600,
    "CLIENT_SECRET_HASHER": "api_sha256",
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "OAUTH2_GRANT_TYPES_SUPPORTED": ["client_credentials"],
    "OAUTH2_RESPONSE_TYPES_SUPPORTED": [],
    **{
        f"COMPLIANT_BCP_RFC9700_{rule}": True
        for rule in (
            "IMPLICIT_GRANT",
            "PASSWORD_GRANT",
            "PKCE_METHOD",
            "ACCESS_TOKEN_TRANSPORT",
            "AUTHZ_RESPONSE_ISS",
            "TOKEN_STORAGE",
            "REFRESH_TOKEN",
            "REDIRECT_URI_SCHEME",
            "REDIRECT_URI_MATCHING",
            "PKCE_REQUIRED",
        )
    },
}

# Live events.
REDIS_URL = backends.layer_url(ENVIRONMENT.redis_url, VAR_DIR)
CHANNEL_LAYERS: dict[str, Any] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            "hosts": [{"address": REDIS_URL, "health_check_interval": 25}],
            "prefix": backends.layer_prefix(REDIS_URL),
            # Consumers get these message types when events may have been lost in between.
            "on_disconnect": "layer.disconnected",
            "on_reconnect": "layer.reconnected",
        },
    }
}

# Background tasks.
CELERY_BROKER_URL = ENVIRONMENT.broker_url or backends.broker_url(REDIS_URL)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Longer than any task and any countdown: a task that is not acknowledged by then runs again.
    "visibility_timeout": 600,
    "health_check_interval": 25,
    "socket_keepalive": urlsplit(CELERY_BROKER_URL).scheme != "redis+socket",
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 120
CELERY_TASK_SOFT_TIME_LIMIT = 90
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_TIMEZONE = "UTC"
# The schedule is code and entries may run late or twice: its state need not outlive a process.
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"

# Logs.
LOGGING = gateway_logging.configuration(
    style=ENVIRONMENT.log_format,
    level=ENVIRONMENT.log_level,
    pii=ENVIRONMENT.log_pii,
    version=VERSION,
    installation=GATEWAY_NAME,
)
