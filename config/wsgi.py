"""What gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

from config.startup import refuse_what_cannot_work

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
refuse_what_cannot_work()
