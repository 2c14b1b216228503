"""Summaries in the admin: the records, the nights that made them, and whether people find them good."""

from summarization.admin.domains import DomainPolicyAdmin
from summarization.admin.runs import RunAdmin
from summarization.admin.sampling import RatingAdmin
from summarization.admin.summaries import SummaryAdmin

__all__ = ["DomainPolicyAdmin", "RatingAdmin", "RunAdmin", "SummaryAdmin"]
