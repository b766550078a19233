"""What probes of a serving path share: a line that shows an input's effect again, and the input as a file."""

from __future__ import annotations

import base64
import re

from momus.core.capabilities import Serving
from momus.core.evidence import Attachment

INLINE = 300  # bytes that a line still holds
LARGEST = 2 << 20  # bytes of an input that is kept
_ENDINGS = {"text": "txt", "jpeg": "jpg", "pickle": "pkl", "other": "bin"}


def file_name(stem: str, format_: str) -> str:
    """A name that an attachment may have."""
    plain = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:60] or "input"
    return f"{plain}.{_ENDINGS.get(format_, format_)}"


def reproducer(serving: Serving, data: bytes, name: str, *, repeats: int = 1) -> str:
    """One line for the card's folder that sends ``data`` to the path; larger inputs are read from the file ``name``.

    Empty where the path has no address, as a function given in a notebook.
    """
    module, _, function = serving.address.rpartition(":")
    if not module:
        return ""
    if module.endswith(".py"):
        found = f"runpy.run_path('{module}')['{function}']"
    else:
        found = f"importlib.import_module('{module}').{function}"
    if getattr(serving.answer, "__name__", "") != function:
        found += "()"  # the address names what makes the function
    small = len(data) <= INLINE
    sent = f"base64.b64decode('{base64.b64encode(data).decode()}')" if small else f"open('{name}', 'rb').read()"
    imports = ["base64"] * small + ["runpy" if module.endswith(".py") else "importlib"]
    call = f"f({sent})" if repeats == 1 else f"[f({sent}) for _ in range({repeats})]"
    return f'python -c "import {", ".join(imports)}; f = {found}; {call}"'


def attached(serving: Serving, title: str, data: bytes, name: str, *, repeats: int = 1) -> Attachment | None:
    """The input as a file with its line; None where it is too large to keep."""
    if len(data) > LARGEST:
        return None
    line = reproducer(serving, data, name, repeats=repeats)
    return Attachment(title=title, name=name, media="application/octet-stream", data=data, note=line)
