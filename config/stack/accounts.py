"""A ready login and a ready API key, random and kept in .local: a newcomer can look around at once."""

import secrets
from pathlib import Path

from django.contrib.auth import get_user_model

from config.services.state import write_private_text
from persistence import apikeys

ADMIN = "admin"
DOMAIN = "demo"


def ensure_admin(local_dir: Path) -> tuple[str, str]:
    """Return the admin's user name and password; the password of somebody else's ``admin`` is never changed.

    It is "" when the database has an ``admin`` whose password is not the one kept here.
    """
    file = local_dir / "admin_password"
    password = _kept(file)
    users = get_user_model()._default_manager
    user = users.filter(username=ADMIN).first()
    if user is not None:
        return ADMIN, password if password and user.check_password(password) else ""
    if not password:
        password = secrets.token_urlsafe(15)
        write_private_text(file, password)
    users.create_superuser(username=ADMIN, password=password)
    return ADMIN, password


def ensure_key(local_dir: Path) -> str:
    """Return an API key of the domain ``demo`` that is valid now: the kept one, or a new one."""
    file = local_dir / "demo_key"
    key = _kept(file)
    if not key or apikeys.verify(key) is None:
        key = apikeys.create_key(DOMAIN, "made by manage.py up").key
        write_private_text(file, key)
    return key


def _kept(file: Path) -> str:
    return file.read_text(encoding="utf-8").strip() if file.exists() else ""
