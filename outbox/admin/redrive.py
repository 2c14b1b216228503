"""The form that redrives what got stuck at a destination within a range of time."""

from typing import Any

from django import forms

from outbox import operate
from outbox.operate import Which


def moment_field(label: str) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1", "class": "hf-input"}),
    )


class RangeForm(forms.Form):
    """A destination and a range of time, either end of which may be open."""

    destination = forms.ChoiceField(widget=forms.Select(attrs={"class": "hf-input"}))
    after = moment_field("Stuck since")
    before = moment_field("Stuck before")

    def __init__(self, names: list[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["destination"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        after, before = given.get("after"), given.get("before")
        if after and before and after >= before:
            raise forms.ValidationError("The range ends before it begins. Nothing was done.")
        return given

    @property
    def which(self) -> Which:
        return Which(after=self.cleaned_data["after"], before=self.cleaned_data["before"])

    def count(self) -> int:
        """Return how many deliveries the range holds, at most as many as one redrive takes."""
        return operate.count_stuck(self.cleaned_data["destination"], self.which)

    def redrive(self) -> int:
        """Redrive them and return how many."""
        return operate.redrive(self.cleaned_data["destination"], self.which)
