"""Forms: the only bodies that are read. URL-encoded, small, in time, and checked against a record of what is expected.

Files are never taken: no multipart body is parsed anywhere, so there is nothing that could write one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from momus.reports.text import clean
from momus.web.errors import Refused

MOST_BYTES = 256 * 1024
MOST_FIELDS = 400
SECONDS = 15.0
MEDIA = "application/x-www-form-urlencoded"
# The field that ties a form to its session; no record has it.
TOKEN = "csrf"  # noqa: S105 - the name of a field

Form = TypeVar("Form", bound=BaseModel)


async def read(request: Request) -> list[tuple[str, str]]:
    """The fields of a form, in order. Refused: too long, too many, too slow, or not UTF-8."""
    body = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise Refused("the form is too long", status=413, code="web/too-long")
    except TimeoutError:
        raise Refused("the form took too long to arrive", status=408, code="web/slow") from None
    except ClientDisconnect:
        raise Refused("the form did not arrive", status=400, code="web/incomplete") from None
    try:
        fields = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
            strict_parsing=bool(body),
        )
    except ValueError:
        raise Refused("the body is not a URL-encoded form in UTF-8", status=400, code="web/malformed") from None
    if any("\x00" in part for field in fields for part in field):
        raise Refused("the form holds a NUL character", status=400, code="web/malformed")
    return fields


def fill(kind: type[Form], fields: Sequence[tuple[str, str]]) -> Form:
    """The record of a form. An empty field stands for its default unless it is a text; unknown fields are refused.

    Only fields that hold several values may come more than once.
    """
    given: dict[str, Any] = {}
    for name, value in fields:
        if name == TOKEN:
            continue
        declared = kind.model_fields.get(name)
        if declared is not None and _several(declared.annotation):
            given.setdefault(name, []).append(value)
        elif name in given:
            raise Refused(f"the field '{clean(name, 40)}' came twice", status=400, code="web/malformed")
        elif value or declared is None or _text(declared.annotation):
            given[name] = value
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise Refused(
            problems(error.errors()), code="web/invalid", hint="Go back: the form is as you left it"
        ) from None


def problems(errors: Sequence[Mapping[str, Any]]) -> str:
    """What is wrong with the fields, in one line, without what was typed."""
    told = []
    for error in errors[:5]:
        where = ".".join(clean(part, 40) for part in error["loc"] if part not in ("body", "query", "path"))
        told.append(f"{where}: {clean(error['msg'], 160)}" if where else clean(error["msg"], 160))
    more = f" and {len(errors) - 5} more" if len(errors) > 5 else ""
    return "; ".join(told) + more


def schema(kind: type[BaseModel]) -> dict[str, Any]:
    """The form as OpenAPI describes it, in one piece, its token included."""
    whole = kind.model_json_schema()
    defined = whole.pop("$defs", {})

    def put(node: Any) -> Any:
        if isinstance(node, dict):
            if set(node) == {"$ref"}:
                return put(defined[node["$ref"].rpartition("/")[2]])
            return {k: put(v) for k, v in node.items()}
        return [put(v) for v in node] if isinstance(node, list) else node

    made = put(whole)
    made["properties"] = {
        TOKEN: {"type": "string", "description": "Not needed with a bearer token."},
        **made["properties"],
    }
    return {"required": True, "content": {MEDIA: {"schema": made}}}


def _several(annotation: Any) -> bool:
    return get_origin(annotation) in (tuple, list, set, frozenset)


def _text(annotation: Any) -> bool:
    return annotation is str or str in get_args(annotation)
