"""People of the desk: users in the groups that come with Holdfast, who may see the domains that are named."""

import itertools
from collections.abc import Sequence

from django.contrib.auth.models import Group, User
from django.test import Client

from persistence.models import DomainAccess

PASSWORD = "a-long-password"
_numbers = itertools.count(1)


def person(*groups: str, domains: Sequence[str] = ("demo",), name: str = "") -> User:
    """Make a user who can sign in to the admin."""
    user = User.objects.create_user(name or f"person{next(_numbers)}", password=PASSWORD, is_staff=True)
    user.groups.set(Group.objects.filter(name__in=groups))
    assert user.groups.count() == len(groups), "the groups come with migrate"
    DomainAccess.objects.bulk_create(DomainAccess(user=user, domain=domain) for domain in domains)
    return user


def client_of(user: User) -> Client:
    """Return a client in which the user is signed in."""
    client = Client()
    client.force_login(user)
    return client


def as_one(*groups: str, domains: Sequence[str] = ("demo",)) -> Client:
    """Return a client in which a new member of these groups is signed in."""
    return client_of(person(*groups, domains=domains))
