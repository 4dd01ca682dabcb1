"""Errors as answers: one form for all, with the sentences of Python and the fields of requests."""

from __future__ import annotations

from typing import Any

from retrograph.errors import (
    BlockedError,
    DeviceError,
    RetrographError,
    Spelling,
    UnsupportedError,
)
from retrograph.serving.spelling import as_field, fields_of


class Refused(RetrographError):
    """What a service refuses though Python might not.

    Args:
        status: of HTTP.
        message: what, where and how to mend, in one line.
        retry: after how many seconds it may be asked again; None where that is of no use.
        about: the parameter whose value is refused, where the message marks none.
    """

    def __init__(
        self, status: int, message: str, *, retry: int | None = None, about: str | None = None
    ) -> None:
        self.status, self.retry = status, retry
        super().__init__(message, about=about)


def status_of(error: RetrographError) -> int:
    """400 for a mistake in what was asked, 422 where the model cannot be treated so, 500 where a
    device is not there; else what the refusal says."""
    match error:
        case Refused():
            return error.status
        case UnsupportedError() | BlockedError():
            return 422
        case DeviceError():
            return 500
    return 400


def error_record(error: RetrographError, spelling: Spelling = as_field) -> dict[str, Any]:
    """An error as it is answered.

    Args:
        error: the refusal.
        spelling: of the parameters in its message.

    Returns:
        `error` with the status, the type (that of Python, or Refused), the message, the names of
        the fields that would mend it, and the nodes that cannot be treated.
    """
    problems = getattr(error, "problems", ())
    return {
        "error": {
            "status": status_of(error),
            "type": type(error).__name__,
            "message": error.spelled(spelling),
            "parameters": fields_of(error.parameters),
            "problems": [{"node": p.node, "op": p.op, "reason": p.reason} for p in problems],
        }
    }


def headers_of(error: RetrographError) -> dict[str, str]:
    """Retry-After, where it may be asked again."""
    retry = error.retry if isinstance(error, Refused) else None
    return {} if retry is None else {"Retry-After": str(retry)}
