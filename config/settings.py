"""Django settings, read from the environment by ``config.env``. docs/operations.md explains every variable."""

from pathlib import Path

from django.templatetags.static import static

from config import env
from config.destinations import destinations
from config.log import logging_config
from config.schedule import beat_schedule
from config.services import local_urls

BASE_DIR = Path(__file__).resolve().parent.parent
LOCAL_DIR = Path(env.text("HOLDFAST_LOCAL_DIR", str(BASE_DIR / ".local")))

# Development needs no secrets and no servers; production says so by naming its own.
DEBUG = env.flag("DEBUG", default=False)
DEVELOPMENT = env.flag("HOLDFAST_DEVELOPMENT", default=not env.is_set("DATABASE_URL"))
DEVELOPMENT_SECRET = "development-only-not-a-secret-" + "0" * 32

SECRET_KEY = env.secret("SECRET_KEY", DEVELOPMENT_SECRET if DEVELOPMENT else "")
SECRET_KEY_FALLBACKS = [key for key in env.secret("SECRET_KEY_FALLBACKS").split(",") if key]
HASH_SECRET = env.secret("HASH_SECRET", DEVELOPMENT_SECRET if DEVELOPMENT else "")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]" if DEVELOPMENT else "")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "ninja",
    "config",
    "handoff",
    "summarization",
    "persistence",
    "outbox",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "persistence.http.deadline.DeadlineMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
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

# --- Postgres: the anchor of durability -------------------------------------------------------------------
_local = local_urls(LOCAL_DIR)
DATABASE_URL = env.secret("DATABASE_URL", _local.get("database_url", ""))
STATEMENT_TIMEOUT_MS = env.integer("STATEMENT_TIMEOUT_MS", 10_000, at_least=100, at_most=600_000)
LOCK_TIMEOUT_MS = env.integer("LOCK_TIMEOUT_MS", 2_000, at_least=50, at_most=60_000)
REQUEST_DEADLINE_SECONDS = env.number("REQUEST_DEADLINE_SECONDS", 7, at_least=1, at_most=60)

_database = env.database(DATABASE_URL or "postgresql://127.0.0.1:1/not-configured")
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        **_database,
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        # A transaction pooler cannot keep a cursor between statements; nothing here needs one.
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {
            **_database["OPTIONS"],  # type: ignore[dict-item]
            "connect_timeout": 2,
            # A peer that vanished without a word is noticed by the kernel; what is frozen, by the web's deadline.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 20_000,
            "application_name": "holdfast",
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS}"
            " -c idle_in_transaction_session_timeout=30000",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- The archive ------------------------------------------------------------------------------------------
ARCHIVE_URL = env.text("ARCHIVE_URL", f"file://{LOCAL_DIR / 'archive'}" if DEVELOPMENT else "")
ARCHIVE_S3_ENDPOINT = env.text("ARCHIVE_S3_ENDPOINT")
ARCHIVE_S3_REGION = env.text("ARCHIVE_S3_REGION", "auto")
ARCHIVE_S3_ACCESS_KEY_ID = env.secret("ARCHIVE_S3_ACCESS_KEY_ID")
ARCHIVE_S3_SECRET_ACCESS_KEY = env.secret("ARCHIVE_S3_SECRET_ACCESS_KEY")
ARCHIVE_CALL_DEADLINE_SECONDS = env.number("ARCHIVE_CALL_DEADLINE_SECONDS", 8, at_least=0.1, at_most=25)
ARCHIVE_CONCURRENCY = env.integer("ARCHIVE_CONCURRENCY", 8, at_least=1, at_most=64)
CLAIM_CHECK_URL = env.text("CLAIM_CHECK_URL", f"{ARCHIVE_URL.rstrip('/')}/claims" if ARCHIVE_URL else "")
CLAIM_CHECK_GRACE_HOURS = env.number("CLAIM_CHECK_GRACE_HOURS", 24, at_least=0, at_most=24 * 365)
CLAIM_CHECK_ABANDONED_DAYS = env.number("CLAIM_CHECK_ABANDONED_DAYS", 14, at_least=1, at_most=3650)

# --- The outbox -------------------------------------------------------------------------------------------
OUTBOX_DESTINATIONS = destinations()
OUTBOX_DESTINATION_SOURCES = ["handoff.endpoints.Endpoints"]
OUTBOX_RELAY_BUDGET_SECONDS = env.number("OUTBOX_RELAY_BUDGET_SECONDS", 5, at_least=1, at_most=300)
OUTBOX_POLL_SECONDS = env.number("OUTBOX_POLL_SECONDS", 0.03, at_least=0.005, at_most=5)
OUTBOX_KEEP_DELIVERED_HOURS = env.number("OUTBOX_KEEP_DELIVERED_HOURS", 24, at_least=0, at_most=24 * 365)
OUTBOX_KEEP_ATTEMPTS_DAYS = env.number("OUTBOX_KEEP_ATTEMPTS_DAYS", 30, at_least=0, at_most=3650)

# --- Handoffs ---------------------------------------------------------------------------------------------
# A conversation that is handed off so often within so many minutes is going in circles.
HANDOFF_LOOP_LIMIT = env.integer("HANDOFF_LOOP_LIMIT", 3, at_least=1, at_most=100)
HANDOFF_LOOP_MINUTES = env.integer("HANDOFF_LOOP_MINUTES", 60, at_least=1, at_most=10_080)
CLAIM_CHECK_BYTES = env.integer("CLAIM_CHECK_BYTES", 48 * 1024, at_least=1024, at_most=60 * 1024)
OUTBOUND_ALLOWED_HOSTS = env.words("OUTBOUND_ALLOWED_HOSTS")

# --- What is kept about one customer: the highest storey first ---------------------------------------------
SUBJECT_PARTS = [
    "handoff.subject.CasesOfSubject",
    "summarization.subject.SummariesOfSubject",
    "persistence.session.subject.StatesOfSubject",
    "persistence.subject.turns.TurnsOfSubject",
]

# --- Summaries --------------------------------------------------------------------------------------------
SUMMARY_BACKEND = env.text("SUMMARY_BACKEND", "extractive", choices=("extractive", "openai"))
SUMMARY_TIME_ZONE = env.time_zone("SUMMARY_TIME_ZONE", "UTC")
SUMMARY_TIME = env.time_of_day("SUMMARY_TIME", "03:00")
SUMMARY_SILENCE_HOURS = env.integer("SUMMARY_SILENCE_HOURS", 24, at_least=0, at_most=24 * 365)
SUMMARY_MOST_WORDS = env.integer("SUMMARY_MOST_WORDS", 60, at_least=20, at_most=400)
SUMMARY_CHUNK_SIZE = env.integer("SUMMARY_CHUNK_SIZE", 50, at_least=1, at_most=1000)
SUMMARY_PART_TOKENS = env.integer("SUMMARY_PART_TOKENS", 6_000, at_least=200, at_most=1_000_000)
# A night stops cleanly at the first of these that is spent; 0 means no limit.
SUMMARY_BUDGET_USD = env.number("SUMMARY_BUDGET_USD", 10, at_least=0, at_most=1_000_000)
SUMMARY_BUDGET_TOKENS = env.integer("SUMMARY_BUDGET_TOKENS", 0, at_least=0, at_most=10**12)
SUMMARY_BUDGET_MINUTES = env.number("SUMMARY_BUDGET_MINUTES", 240, at_least=0, at_most=1440)
SUMMARY_USD_PER_MILLION_IN = env.number("SUMMARY_USD_PER_MILLION_IN", 0, at_least=0, at_most=10_000)
SUMMARY_USD_PER_MILLION_OUT = env.number("SUMMARY_USD_PER_MILLION_OUT", 0, at_least=0, at_most=10_000)
SUMMARY_OUTSIDE = "handoff.summaries.Desk"
OPENAI_BASE_URL = env.text("OPENAI_BASE_URL", "https://api.openai.com/v1")
OPENAI_API_KEY = env.secret("OPENAI_API_KEY")
OPENAI_MODEL = env.text("OPENAI_MODEL")
OPENAI_TIMEOUT_SECONDS = env.number("OPENAI_TIMEOUT_SECONDS", 30, at_least=0.1, at_most=120)
RECALL_SUMMARIES = env.integer("RECALL_SUMMARIES", 3, at_least=1, at_most=20)
RECALL_BYTES = env.integer("RECALL_BYTES", 4_096, at_least=512, at_most=64 * 1024)
RECALL_SAMPLE = env.integer("RECALL_SAMPLE", 20, at_least=1, at_most=1000)

# --- Hot state: it may vanish. manage.py ladder says which level the figures justify ----------------------
REDIS_URL = env.secret("REDIS_URL", _local.get("redis_url", ""))
HOT_REDIS_URL = env.secret("HOT_REDIS_URL", REDIS_URL)
HOT_REDIS_BUDGET_MS = env.integer("HOT_REDIS_BUDGET_MS", 50, at_least=5, at_most=1000)
HOT_REDIS_REST_SECONDS = env.number("HOT_REDIS_REST_SECONDS", 5, at_least=0.1, at_most=300)
SESSION_STATE_BACKEND = env.text(
    "SESSION_STATE_BACKEND", "postgres", choices=("memory", "postgres", "redis", "redis-first")
)
# Which domains go Redis-first where that is the backend; the others are at level 1. Empty: all of them.
SESSION_STATE_REDIS_FIRST_DOMAINS = env.words("SESSION_STATE_REDIS_FIRST_DOMAINS")
SESSION_STATE_TTL_SECONDS = env.integer("SESSION_STATE_TTL_SECONDS", 2_700, at_least=10, at_most=604_800)
SESSION_LIFECYCLE_DOMAINS = env.words("SESSION_LIFECYCLE_DOMAINS")
WEB_CONCURRENCY = env.integer("WEB_CONCURRENCY", 2, at_least=1, at_most=64)  # as gunicorn reads it
EVENT_STREAMS = env.integer("EVENT_STREAMS", 16, at_least=0, at_most=1000)
HISTORY_CACHE = env.text("HISTORY_CACHE", "off", choices=("off", "redis"))
HISTORY_CACHE_DAYS = env.number("HISTORY_CACHE_DAYS", 7, at_least=0.001, at_most=31)
HISTORY_CACHE_TURNS = env.integer("HISTORY_CACHE_TURNS", 50, at_least=1, at_most=200)
HISTORY_CACHE_BYTES = env.integer("HISTORY_CACHE_BYTES", 256 * 1024, at_least=4096, at_most=16 * 1024 * 1024)

# --- Celery: messages are nudges without data or authority ------------------------------------------------
CELERY_BROKER_URL = env.secret("CELERY_BROKER_URL", REDIS_URL) or "redis://127.0.0.1:1/0"
CELERY_BEAT_SCHEDULE = beat_schedule(OUTBOX_DESTINATIONS)
CELERY_BEAT_SCHEDULE_FILENAME = str(LOCAL_DIR / "celerybeat-schedule")
CELERY_TASK_DEFAULT_QUEUE = "maintenance"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
# Only the chunks of a night have results, kept by Celery's own tables beside the rest.
CELERY_RESULT_BACKEND = f"db+{env.sqlalchemy_url(DATABASE_URL)}" if DATABASE_URL else None
CELERY_RESULT_EXPIRES = 7 * 86_400
CELERY_DATABASE_CREATE_TABLES_AT_SETUP = False  # a migration does
CELERY_DATABASE_ENGINE_OPTIONS = {
    "pool_pre_ping": True,
    "pool_size": 1,
    "connect_args": {
        name: DATABASES["default"]["OPTIONS"][name]  # type: ignore[index]
        for name in ("connect_timeout", "tcp_user_timeout", "application_name", "options")
    },
}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_TIME_LIMIT = 390
CELERY_TASK_SOFT_TIME_LIMIT = 360
CELERY_TASK_SEND_SENT_EVENT = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 10
CELERY_WORKER_ENABLE_SOFT_SHUTDOWN_ON_IDLE = False
CELERY_WORKER_SEND_TASK_EVENTS = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_POOL_ACQUIRE_TIMEOUT = 5
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"socket_connect_timeout": 5, "socket_timeout": 10, "socket_keepalive": True, "visibility_timeout": 600}
    if CELERY_BROKER_URL.startswith("redis")
    else {}
)
CELERY_TIMEZONE = "UTC"

# --- HTTP -------------------------------------------------------------------------------------------------
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
API_KEY_CACHE_SECONDS = env.number("API_KEY_CACHE_SECONDS", 5, at_least=0, at_most=300)
# While Postgres is away, session state goes on for keys that were good so lately.
API_KEY_GRACE_SECONDS = env.number("API_KEY_GRACE_SECONDS", 300, at_least=0, at_most=86_400)
APPEND_SLASH = True
STATIC_URL = "static/"
STATIC_ROOT = env.text("STATIC_ROOT", "" if DEVELOPMENT else str(BASE_DIR / "static")) or None
WHITENOISE_USE_FINDERS = DEVELOPMENT
BEHIND_TLS = env.flag("BEHIND_TLS", default=not DEVELOPMENT)
# Where others reach this installation: in links to cases, and in addresses of claim checks.
_host = next((host for host in ALLOWED_HOSTS if not host.startswith((".", "*"))), "")
PUBLIC_URL = env.text(
    "PUBLIC_URL",
    "http://127.0.0.1:8000" if DEVELOPMENT else f"http{'s' * BEHIND_TLS}://{_host}" if _host else "",
)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("TRUST_FORWARDED_PROTO") else None
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = BEHIND_TLS
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

LOG_LEVEL = env.text("LOG_LEVEL", "INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
LOG_STYLE = env.text("LOG_STYLE", "plain" if DEVELOPMENT else "json", choices=("plain", "json"))
LOGGING = logging_config(LOG_LEVEL, LOG_STYLE)
UNFOLD = {
    "SITE_TITLE": "Holdfast",
    "SITE_HEADER": "Holdfast",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("outbox/favicon.svg")},
    ],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "handoff.admin.dashboard.callback",
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "handoff.admin.access.navigation",
    },
}
