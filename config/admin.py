"""Django's own users and groups, in the look of the other admin pages, with the domains that a user may see."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.forms import CharField, ModelForm
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminTextInputWidget

from handoff.groups import GROUPS
from persistence.apikeys import DOMAIN
from persistence.models import DomainAccess

admin.site.unregister(User)
admin.site.unregister(Group)


class DomainForm(ModelForm):
    """A domain is written as in the keys of the API; one that cannot exist is refused, not kept in vain."""

    domain = CharField(max_length=63, widget=UnfoldAdminTextInputWidget)

    def clean_domain(self) -> str:
        domain = str(self.cleaned_data["domain"])
        if not DOMAIN.fullmatch(domain):
            self.add_error("domain", "Write 1 to 63 lower-case letters, digits, - or _.")
        return domain


class DomainAccessInline(TabularInline):
    model = DomainAccess
    form = DomainForm
    extra = 0
    verbose_name_plural = "domains that this user may see (superusers see all)"


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    inlines = (DomainAccessInline,)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Groups of your own. The four that come with Holdfast are shown and not edited: they follow its releases."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not is_ours(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not is_ours(obj)


def is_ours(group: Any) -> bool:
    """Say whether this is one of the groups that ``handoff.groups`` keeps."""
    return isinstance(group, Group) and group.name in GROUPS
