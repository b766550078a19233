"""An ASGI app on a real port of this machine, while a test or a benchmark talks to it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


def in_a_loop(work: Coroutine[Any, Any, T]) -> T:
    """Its result, by a loop in a thread of its own: a browser that other tests share keeps one running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Run ``app`` in a thread on a free port of loopback, by the server that ``momus serve`` runs on; its address."""
    from momus.web.serving import listen, server

    socket = listen("127.0.0.1", 0)
    runner = server(app)
    thread = threading.Thread(target=runner.run, kwargs={"sockets": [socket]}, daemon=True)
    thread.start()
    try:
        while not runner.started and thread.is_alive():
            time.sleep(0.01)
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        runner.should_exit = True
        thread.join(10)
        socket.close()
