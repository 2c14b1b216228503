"""What gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

from config.startup import refuse_what_cannot_work
from persistence.ladder.reporter import report_as

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
refuse_what_cannot_work()
report_as("web")
