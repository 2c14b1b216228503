"""Groups, navigation and domains: everybody sees what is theirs, and nothing that would answer "forbidden"."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.test import Client

from handoff.admin.access import SECTIONS
from handoff.groups import GROUPS, keep_groups
from handoff.models import CannedReply, Endpoint, Queue
from persistence.models import DomainAccess
from tests.handoff.admin.people import as_one, person

pytestmark = pytest.mark.django_db


def permissions(group: str) -> set[str]:
    found = Permission.objects.filter(group__name=group).select_related("content_type")
    return {f"{one.content_type.app_label}.{one.codename}" for one in found}


def test_the_groups_come_with_migrate_and_hold_what_is_written_down():
    assert {name: permissions(name) for name in GROUPS} == {
        name: set(names) for name, names in GROUPS.items()
    }


def test_a_group_that_was_changed_is_put_right_by_the_next_migrate():
    agent = Group.objects.get(name="agent")
    agent.permissions.clear()
    agent.permissions.add(Permission.objects.get(codename="delete_user"))
    Group.objects.get(name="lead").delete()
    keep_groups(sender=apps.get_app_config("handoff"))
    keep_groups()
    assert {name: permissions(name) for name in GROUPS} == {
        name: set(names) for name, names in GROUPS.items()
    }


def test_a_group_of_ones_own_is_left_alone():
    own = Group.objects.create(name="night shift")
    own.permissions.add(Permission.objects.get(codename="view_supportcase"))
    keep_groups()
    assert permissions("night shift") == {"handoff.view_supportcase"}


def test_nobody_edits_the_groups_that_follow_the_release(admin_client: Client):
    ours, own = Group.objects.get(name="agent"), Group.objects.create(name="own")
    address = "/admin/auth/group/{}/change/"
    assert admin_client.post(address.format(ours.pk), {"name": "gone"}).status_code == 403
    assert admin_client.post(f"/admin/auth/group/{ours.pk}/delete/", {"post": "yes"}).status_code == 403
    assert admin_client.get(address.format(ours.pk)).status_code == 200
    assert admin_client.post(address.format(own.pk), {"name": "renamed"}).status_code == 302
    assert Group.objects.filter(name="agent").exists()


def test_no_group_may_make_users_or_erase_anything_but_canned_replies():
    held = set().union(*GROUPS.values())
    assert not {name for name in held if name.startswith("auth.")}
    assert {name for name in held if ".delete_" in name} == {"handoff.delete_cannedreply"}


def test_whoever_may_act_on_cases_may_not_reach_the_endpoints_and_the_other_way_round():
    assert not any("endpoint" in name for group in ("agent", "lead") for name in GROUPS[group])
    assert not any("supportcase" in name or "turn" in name for name in GROUPS["operator"])


@pytest.mark.parametrize("group", [*GROUPS, None])
def test_every_entry_of_the_navigation_opens_for_those_who_see_it(group):
    client = as_one(*([group] if group else []))
    response = client.get("/admin/")
    shown = [item["link"] for part in response.context["sidebar_navigation"] for item in part["items"]]
    assert shown
    assert {address: client.get(address).status_code for address in shown} == dict.fromkeys(shown, 200)


@pytest.mark.parametrize("group", GROUPS)
def test_what_is_not_in_the_navigation_is_forbidden(group):
    client = as_one(group)
    shown = [
        item["link"] for part in client.get("/admin/").context["sidebar_navigation"] for item in part["items"]
    ]
    everything = as_superuser_links()
    hidden = [address for address in everything if address not in shown]
    assert hidden
    assert {address: client.get(address).status_code for address in hidden} == dict.fromkeys(hidden, 403)


def as_superuser_links() -> list[str]:
    user = person()
    user.is_superuser = True
    user.save()
    client = Client()
    client.force_login(user)
    found = [item for part in client.get("/admin/").context["sidebar_navigation"] for item in part["items"]]
    assert len(found) == sum(len(entries) for _, entries in SECTIONS)
    return [item["link"] for item in found]


def test_the_navigation_marks_where_one_is():
    client = as_one("agent")

    def marked(address: str) -> list[str]:
        context = client.get(address).context
        return [
            item["title"]
            for part in context["sidebar_navigation"]
            for item in part["items"]
            if item["active"]
        ]

    assert marked("/admin/") == ["Dashboard"]
    assert marked("/admin/handoff/supportcase/") == ["Queue"]
    assert marked("/admin/handoff/supportcase/?owner=me") == ["My cases"]
    assert marked("/admin/persistence/conversation/") == ["Conversations"]


def test_settings_of_other_domains_are_out_of_sight_and_out_of_reach():
    for domain in ("demo", "other"):
        queue = Queue.objects.create(domain=domain, name="main")
        CannedReply.objects.create(domain=domain, title=f"to {domain}", text="Hello")
        Endpoint.objects.create(
            slug=f"desk-{domain}", domain=domain, connector="webhook", url="https://d.example/"
        )
    lead, operator = as_one("lead"), as_one("operator")
    for client, model, table in (
        (lead, "cannedreply", CannedReply),
        (lead, "queue", Queue),
        (operator, "endpoint", Endpoint),
    ):
        base = f"/admin/handoff/{model}/"
        listed = client.get(base).context["cl"].result_list
        assert [row.domain for row in listed] == ["demo"]
        theirs, others = (table.objects.get(domain=domain) for domain in ("demo", "other"))
        assert client.get(f"{base}{theirs.pk}/change/").status_code == 200
        assert client.get(f"{base}{others.pk}/change/").status_code == 302  # Django: there is no such object
        assert client.post(f"{base}{others.pk}/change/", {"title": "taken"}).status_code == 302
    assert queue.domain == "other"
    other = Endpoint.objects.get(domain="other")
    for page in ("test", "exchange", "end-previous"):
        assert operator.post(f"/admin/handoff/endpoint/{other.pk}/{page}/").status_code == 404
    assert operator.get(f"/admin/handoff/endpoint/{other.pk}/secret/").status_code == 404


def test_domains_are_given_on_the_users_page_and_one_that_cannot_exist_is_refused(admin_client: Client):
    user = person("agent", domains=())
    form = {
        "username": user.username,
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
        "is_active": "on",
        "is_staff": "on",
        "domain_access-TOTAL_FORMS": "1",
        "domain_access-INITIAL_FORMS": "0",
        "domain_access-0-user": str(user.pk),
    }
    address = f"/admin/auth/user/{user.pk}/change/"
    refused = admin_client.post(address, form | {"domain_access-0-domain": "Not A Domain"})
    assert "lower-case letters" in refused.content.decode()
    assert admin_client.post(address, form | {"domain_access-0-domain": "shop"}).status_code == 302
    assert list(DomainAccess.objects.filter(user=user).values_list("domain", flat=True)) == ["shop"]
