"""The admin class for tables of millions of rows, and its list."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin import ShowFacets, SimpleListFilter
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.utils.text import capfirst
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from outbox.adminkit.keyset import AFTER, BEFORE, Keyset

ESTIMATE = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = %s::regclass"
MOST_SELECTED = 1_000


class Choice(SimpleListFilter):
    """A way to look at a list. One is always chosen, by default the first; a search looks everywhere."""

    def value(self) -> str:
        given = super().value()
        known = [str(key) for key, _ in self.lookup_choices]
        return given if given in known else known[0] if known else ""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for key, title in self.lookup_choices:
            yield {
                "selected": self.value() == str(key),
                "query_string": changelist.get_query_string({self.parameter_name: key or None}, [SEARCH_VAR]),
                "display": title,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if searched(request) else self.narrow(queryset)

    def narrow(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows that this choice shows; an index must back it."""
        return queryset


class _Pager(Paginator):
    """What Unfold asks of a paginator; the pages themselves come from the keyset."""

    template_name = "outbox/admin/pager.html"


class KeysetList(ChangeList):
    """A list drawn from one statement for the page and one look at the planner's estimate."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.title = capfirst(str(self.opts.verbose_name_plural))
        for spec in self.filter_specs:
            spec.views = list(spec.choices(self))
        self.has_filters = False  # they stand above the list, in sight, and not in a sheet that hides them

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        for name in (AFTER, BEFORE):  # a filter chosen on page 9 starts at page 1
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        return super().get_queryset(request, exclude_parameters)

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str]:
        return self.model_admin.keyset_for(request).ordering()

    def get_ordering_field_columns(self) -> dict[int, str]:
        return {}

    def get_results(self, request: HttpRequest) -> None:
        page = self.model_admin.keyset_for(request).page(self.queryset, request.GET, self.list_per_page)
        self.result_list = page.rows
        self.result_count = len(page.rows)
        self.full_result_count = self.result_count  # Unfold offers "show all" where they differ
        self.show_full_result_count = False
        self.show_admin_actions = bool(page.rows)
        self.can_show_all = self.multi_page = False
        self.paginator = _Pager(page.rows, self.list_per_page)
        self.first_page = self.get_query_string() if page.previous else ""
        self.previous_page = self.get_query_string({BEFORE: page.previous}) if page.previous else ""
        self.next_page = self.get_query_string({AFTER: page.next}) if page.next else ""
        about = estimate(self.model)
        self.estimate_text = f"about {about:,} in all" if about else "no estimate of the total yet"


class ReadOnlyAdmin(ModelAdmin):
    """Look at everything, change nothing by hand; actions go through the same functions as the commands.

    Whoever may *view* a model sees its pages; whoever may *change* it may run its actions, no more.
    """

    list_per_page = 50
    list_max_show_all = 0
    list_before_template = "outbox/admin/views.html"
    list_fullwidth = True
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    sortable_by = ()
    keyset: ClassVar[Keyset] = Keyset(("id",), descending=True)
    about = ""  # one line above the list: what this is
    nothing_here = "Nothing to show."  # what an empty list means
    nothing_found = "Nothing has exactly this key."

    class Media:
        css = {"all": ["outbox/admin.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Say whether this user may run this model's actions."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        # Every way to filter is a Choice: any other would not be backed by an index.
        return lookup in {choice.parameter_name for choice in self.list_filter}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetList

    def keyset_for(self, request: HttpRequest) -> Keyset:
        """Return the order of the list that this request asks for."""
        return self.keyset

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        found = self.find(term)
        return queryset.none() if found is None else queryset.filter(found), False

    def find(self, term: str) -> Q | None:
        """Return the condition for exactly this key, through an index, or None when it cannot be a key."""
        return None

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        # Django would answer an id that is no number with an error page.
        if len(selected_ids(request)) != len(request.POST.getlist(ACTION_CHECKBOX_NAME)):
            self.message_user(request, "Nothing was done: those are not rows of this list.", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        return super().response_action(request, queryset)

    def looked_at(self, request: HttpRequest, object_id: str) -> Any:
        """Return the row whose page is asked for. Raises PermissionDenied, and Http404 also for one of others."""
        if request.method not in ("GET", "HEAD") or not self.has_view_permission(request):
            raise PermissionDenied
        found = self.get_object(request, object_id)
        if found is None:
            raise Http404(f"There is no such {self.opts.verbose_name}, or none that you may see.")
        return found

    def log_operated(self, request: HttpRequest, ids: list[Any], message: str) -> None:
        """Keep in Django's admin log who did what to which rows."""
        rows = self.model._default_manager.filter(pk__in=ids)
        LogEntry.objects.log_actions(request.user.pk or 0, rows, CHANGE, message)


def searched(request: HttpRequest) -> str:
    """Return what is searched for, as the list does: a text with NUL is refused there, and "" here."""
    term = request.GET.get(SEARCH_VAR, "").strip()
    return "" if "\x00" in term else term


def selected_ids(request: HttpRequest) -> list[int]:
    """Return the ids that were ticked. "All pages" is not offered: nobody acts on what they have not seen."""
    given = request.POST.getlist(ACTION_CHECKBOX_NAME)[:MOST_SELECTED]
    return [int(text) for text in given if text.isascii() and text.isdecimal() and len(text) < 19]


def estimate(model: type[Model]) -> int:
    """Return about how many rows the table has, as Postgres last counted it: one look into its catalogue."""
    with connection.cursor() as cursor:
        cursor.execute(ESTIMATE, [model._meta.db_table])
        return int(cursor.fetchone()[0])
