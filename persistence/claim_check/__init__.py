"""Claim check: what is too large for an event lies in the object store once, and the event carries the ticket for it.

``layer.ClaimCheck`` wraps the handler of any destination, by configuration. Receivers in Python take what a ticket
stands for with ``fetch``, which trusts neither the store nor the way from it.
"""

from persistence.claim_check.consume import ClaimDiffers, fetch, fetch_bytes

__all__ = ["ClaimDiffers", "fetch", "fetch_bytes"]
