"""Errors as people see them: a page, or JSON, of one clear line. No traceback leaves the server."""

from __future__ import annotations

from momus.core.errors import MomusError, NotFound, StoreError
from momus.core.records import Record


class Refused(MomusError):
    """A request that is not answered as asked, with the status that says why."""

    code = "web/refused"

    def __init__(self, message: str, *, status: int = 422, code: str | None = None, hint: str = "") -> None:
        super().__init__(message, code=code, hint=hint)
        self.status = status

    def __reduce__(self) -> tuple[object, ...]:
        return (_again, (self.message, self.status, self.code, self.hint))


def _again(message: str, status: int, code: str, hint: str) -> Refused:
    return Refused(message, status=status, code=code, hint=hint)


class Problem(Record):
    """What an address ending in .json says when it cannot answer."""

    status: int
    code: str
    message: str
    hint: str = ""


# What standard statuses are called here; the words of other statuses come with their error.
WORDS = {
    400: "the request is malformed",
    401: "sign in first",
    403: "this is not allowed",
    404: "there is no such page",
    405: "that is not how this address is used",
    413: "the request is too long",
    414: "the address is too long",
    415: "only URL-encoded forms are read here",
    421: "this server is not called by that name",
    500: "this is a fault of Momus; the server's log says where",
    503: "the store cannot be read now",
}


def problem(error: Exception, *, places: bool) -> Problem:
    """An error in one line. ``places`` tells paths and addresses too: only to the person at the machine."""
    if not isinstance(error, MomusError):
        return Problem(status=500, code="momus/bug", message=WORDS[500])
    status = 503 if isinstance(error, StoreError) else 404 if isinstance(error, NotFound) else 422
    where = f" ({error.place})" if places and error.place else ""
    # A hint may name stored runs or a path of the machine: the store's own stay with the person at it.
    hint = error.hint if places or isinstance(error, Refused) else ""
    return Problem(
        status=getattr(error, "status", status), code=error.code, message=f"{error.message}{where}", hint=hint
    )
