"""Flower, behind a password always. Read by ``celery -A config flower --conf=deploy/flower.conf.py``.

Flower shows and stops tasks. Without this file it would do so for everybody, and it cannot read a secret from a file.
"""

from config import env

_login = env.secret("FLOWER_BASIC_AUTH")
if ":" not in _login:
    raise SystemExit(
        "Flower does not start without a login. Put user:password into the file that FLOWER_BASIC_AUTH_FILE names."
    )

basic_auth = [_login]
address = env.text("FLOWER_ADDRESS", "127.0.0.1")
port = env.integer("FLOWER_PORT", 5555, at_least=1, at_most=65535)
