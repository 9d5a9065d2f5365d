"""A plugin of Dask's scheduler: when the process that a run belongs to is gone, those that measure for it end too.

Whoever ends a run in order dismisses them itself; one that was killed cannot, but its connection to the scheduler ends.
"""

from __future__ import annotations

from typing import Any

from theory.runs.pool import dismiss

try:
    from distributed.diagnostics.plugin import SchedulerPlugin
except ImportError:  # without Dask there is no scheduler to watch on, and this is read for its documentation only
    SchedulerPlugin = object  # type: ignore[assignment, misc]


class Leaving(SchedulerPlugin):
    """Watches one client, for the run of that name."""

    def __init__(self, client: str, run: str) -> None:
        self.client, self.run = client, run
        self.name = f"theory-{run}"

    def remove_client(self, scheduler: Any, client: str) -> None:
        """What the scheduler calls when a client has left, for whatever reason."""
        if client == self.client:
            scheduler.loop.add_callback(self._dismiss, scheduler)

    async def _dismiss(self, scheduler: Any) -> None:
        from distributed.protocol.pickle import dumps

        scheduler.remove_plugin(name=self.name)
        call = {"function": dumps(dismiss), "args": dumps((self.run,)), "kwargs": dumps({})}  # type: ignore[no-untyped-call]
        await scheduler.broadcast(msg={"op": "run", "wait": True, **call}, on_error="ignore")
