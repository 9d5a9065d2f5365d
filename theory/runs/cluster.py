"""More machines than this one: the workers of a Dask scheduler, as an executor."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from theory.checks import BadInput, refuse
from theory.runs.cells import one_line
from theory.runs.child import Limits
from theory.runs.pool import Crew, dismiss

_MOST = 16
"""Cells that a worker is handed at once at most; one by one, Dask takes several milliseconds for each."""

_COUNTED = 5.0
"""Seconds for which the number of workers is taken for unchanged."""


@contextlib.contextmanager
def crew(place: str, limits: Limits) -> Iterator[Crew]:
    """The workers of the scheduler at an address, such as tcp://…, or of that whose scheduler file is there.

    A worker that dies costs nothing: the scheduler gives its cells to another one.

    Raises
    ------
    BadInput
        If Dask is not installed, or no scheduler answers.
    """
    client = _client(place)
    run = uuid.uuid4().hex
    _watch(client, run)
    try:
        yield Crew(client.get_executor(pure=False), _width(client), run, limits, _MOST)
    finally:
        with contextlib.suppress(Exception):  # workers that are gone have no processes left
            client.run(dismiss, run, on_error="ignore")
        with contextlib.suppress(Exception):
            client.close()


def _watch(client: Any, run: str) -> None:
    """Have the scheduler end the processes of this run, should this one be killed."""
    from theory.runs.leaving import Leaving

    with contextlib.suppress(Exception):  # a scheduler without this package: they end with their workers, or in time
        client.register_plugin(Leaving(client.id, run))


def _client(place: str) -> Any:
    try:
        from distributed import Client
        from distributed.comm.addressing import get_address_host_port
    except ImportError:
        raise BadInput(f"dask is {place!r}, but Dask is missing; it must be installed (extra cluster)") from None
    if "://" not in place and not Path(place).is_file():
        raise refuse("dask", repr(place), "an address, such as tcp://host:8786, or a scheduler file")
    try:
        address = place if "://" in place else json.loads(Path(place).read_text(encoding="utf-8"))["address"]
        get_address_host_port(address)  # a client with an address that is none never ends
        return Client(address, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, KeyError, TypeError, TimeoutError) as error:
        raise BadInput(f"dask is {place!r}, and no scheduler answers there ({one_line(error)})") from None


def _width(client: Any) -> Callable[[], int]:
    """Cells that are measured at a time: the threads of all workers, which come and go."""
    known: list[float] = [0, -_COUNTED]

    def width() -> int:
        if time.monotonic() - known[1] > _COUNTED:
            known[:] = sum(client.nthreads().values()), time.monotonic()
        return max(1, int(known[0]))

    return width
