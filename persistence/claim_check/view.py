"""``GET /claims/<token>``: what a store without addresses of its own has for whoever holds ours."""

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from persistence.archive.sinks import ObjectMissing, SinkError
from persistence.claim_check.split import CONTENT_TYPE
from persistence.claim_check.store import claims_store, key_in

RETRY_SECONDS = "30"


@require_safe
def claim(_request: HttpRequest, token: str) -> HttpResponse:
    """Return the object. 404 for a token that is not ours or has expired, and when the object is gone.

    503 says that the store does not answer and that asking again can help.
    """
    key = key_in(token, timezone.now())
    if key is None:
        raise Http404("There is no such claim, or its time is over.")
    try:
        body = claims_store().get(key)
    except ObjectMissing as error:
        raise Http404("There is no such claim, or its time is over.") from error
    except SinkError:
        return HttpResponse("The store does not answer.", status=503, headers={"Retry-After": RETRY_SECONDS})
    return HttpResponse(
        body,
        content_type=CONTENT_TYPE,
        headers={
            "Content-Disposition": f'attachment; filename="{key.rpartition("/")[2]}"',
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "private, no-store",
        },
    )
