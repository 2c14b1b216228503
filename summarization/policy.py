"""Whether a domain's summaries are given to the assistant: off, until people have looked at enough of them."""

import logging

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from summarization.models import DomainPolicy
from summarization.rating import in_force, verdict_on, verdicts

logger = logging.getLogger(__name__)


class TooFewJudged(Exception):
    """Recall stays off: ``missing`` more summaries by what is in force have to be judged first."""

    def __init__(self, missing: int) -> None:
        super().__init__(f"{missing} more summaries have to be judged before recall can be switched on.")
        self.missing = missing


def policy_of(domain: str) -> DomainPolicy:
    """Return how a domain is summarised; the defaults, not stored, where nobody has said."""
    return DomainPolicy.objects.filter(domain=domain).first() or DomainPolicy(domain=domain)


def missing_judgements(domain: str) -> int:
    """Return how many more judgements recall needs, of the summariser that is in force now."""
    judged = verdict_on(in_force(), verdicts(domain)).judged
    return max(0, settings.RECALL_SAMPLE - judged)


def switch_recall(domain: str, *, on: bool, by: str) -> bool:
    """Switch recall on or off and write down who did it and when. Return False where it was so already.

    What the share of good ones has to be, the person who switches decides. Off is always possible. Raises
    TooFewJudged.
    """
    if on and (missing := missing_judgements(domain)):
        raise TooFewJudged(missing)
    with transaction.atomic(durable=True):
        DomainPolicy.objects.get_or_create(domain=domain)
        changed = DomainPolicy.objects.filter(domain=domain, recall=not on).update(
            recall=on, recall_changed_by=by, recall_changed_at=Now()
        )
    if changed:
        logger.info(
            "Recall of summaries is %s for domain %s, switched by %s.", "on" if on else "off", domain, by
        )
    return bool(changed)
