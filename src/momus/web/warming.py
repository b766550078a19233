"""What takes longest is done before somebody asks: judging the newest runs, compiling templates, loading the probes."""

from __future__ import annotations

from threading import Thread

from momus.assess.shelf import KEPT
from momus.core.errors import MomusError
from momus.core.registry import probes
from momus.web.site import Site


def warm(site: Site) -> None:
    """Compile every template, judge the newest run of as many systems as are kept, load what describes the probes."""
    for name in site.environment.list_templates(filter_func=lambda n: n.endswith(".j2")):
        site.environment.get_template(name)
    try:
        for line in site.shelf.systems()[:KEPT]:
            site.shelf.judged(line.latest.id)
    except MomusError:
        pass  # the page that needs it says what is wrong
    probes()


def begin(site: Site) -> Thread:
    """Warm beside the server, which answers meanwhile; ends with the process."""
    thread = Thread(target=warm, args=(site,), name="warm", daemon=True)
    thread.start()
    return thread
