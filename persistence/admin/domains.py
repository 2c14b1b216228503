"""Forms of rows that belong to a domain: one of the user's own, chosen once."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminSelectWidget

from persistence.apikeys import DOMAIN


class DomainForm(forms.ModelForm):
    """Whoever has every domain writes its name; all others choose among theirs."""

    domains: list[str] | None = None  # those of the user; None: every domain

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.domains is not None and "domain" in self.fields:
            self.fields["domain"].widget = UnfoldAdminSelectWidget(
                choices=[(name, name) for name in self.domains]
            )

    def clean_domain(self) -> str:
        domain = str(self.cleaned_data["domain"])
        if not DOMAIN.fullmatch(domain):
            raise ValidationError("Write 1 to 63 lower-case letters, digits, - or _.")
        if self.domains is not None and domain not in self.domains:
            raise ValidationError(
                f"This domain is not one of yours: {', '.join(self.domains) or 'you have none'}."
            )
        return domain
