"""What the API answers about session state, as schemas for its documentation."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Schema
from pydantic import Field


class SessionStateAnswer(Schema):
    """A session's state. Its ETag is its version in quotes."""

    state: str
    domain: str
    confidence: float | None = Field(description="The last turn's, unless it was put since.")
    turn_id: UUID | None = Field(description="The last turn, unless another was put since.")
    version: int = Field(
        description="Only grows. Send it with If-Match: refused where it is not this any more."
    )
    redaction_version: int
    updated_at: datetime
    data: dict[str, Any]
    kept_in: str = Field(description="Where this copy came from: memory, postgres or redis.")
