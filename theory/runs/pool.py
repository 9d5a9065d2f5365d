"""Where cells are measured: in this process, or in others through :class:`concurrent.futures.Executor`.

Each thread of an executor has a process of its own that measures for it (:mod:`theory.runs.child`): a pool of threads
on this machine, the threads of Dask's workers on others. One that dies or hangs costs its own cell only.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from queue import SimpleQueue

from theory.claims.claim import Claim
from theory.runs.cells import Outcome, Task, measure, one_line
from theory.runs.child import NONE, Child, Died, Expired, Limits

_AHEAD = 4
"""Cells handed out per worker: enough that none waits for this process, few enough that memory stays bounded."""

_TOGETHER = 0.05
"""Seconds of cells that are handed out at once, where more than one is."""

_ATTEMPTS = 2
"""A process that dies may have been killed by somebody; a cell of which two die has killed them."""


class Lost(Exception):
    """The executor is gone, with the cells that were in its hands."""


@dataclass(frozen=True)
class Where:
    """Where cells are measured: ``jobs`` processes on this machine, or the workers of a Dask scheduler.

    ``dask`` is its address or the path of its scheduler file. One job without limits is this process itself.
    """

    jobs: int = 1
    limits: Limits = NONE
    dask: str = ""

    @property
    def here(self) -> bool:
        """Whether it is this process, which alone can measure a claim that is not registered."""
        return self.jobs == 1 and not self.limits and not self.dask


HERE = Where()


@dataclass(frozen=True)
class Crew:
    """An executor, how many cells it measures at a time just now, and the name of the run that it measures for.

    It may be handed up to ``most`` cells at once, where handing them out takes longer than measuring them.
    """

    executor: Executor
    width: Callable[[], int]
    run: str
    limits: Limits
    most: int = 1


def outcomes(tasks: Iterable[Task], where: Where, claims: Mapping[str, Claim]) -> Iterator[Outcome]:
    """Measure every task there, and yield each outcome as it comes.

    Raises
    ------
    Lost
        If the executor goes away; the cells in its hands are not measured.
    """
    if where.here:
        yield from (measure(task, claims[task.key]) for task in tasks)
        return
    with _crew(where) as crew:
        yield from _spread(iter(tasks), crew)


def _spread(tasks: Iterator[Task], crew: Crew) -> Iterator[Outcome]:
    done: SimpleQueue[Future[list[Outcome]]] = SimpleQueue()
    flying: dict[Future[list[Outcome]], tuple[Task, ...]] = {}
    together = 1
    while True:
        while len(flying) < _AHEAD * crew.width() and (batch := tuple(islice(tasks, together))):
            future = _submitted(crew, batch)
            flying[future] = batch
            future.add_done_callback(done.put)
        if not flying:
            return
        future = done.get()
        found = _outcomes(future, flying.pop(future))
        yield from found
        each = sum(outcome.seconds for outcome in found) / len(found)
        together = max(1, min(crew.most, int(_TOGETHER / max(each, 1e-6))))


def _submitted(crew: Crew, tasks: tuple[Task, ...]) -> Future[list[Outcome]]:
    try:
        return crew.executor.submit(guarded, tasks, crew.run, crew.limits)
    except Exception as raised:  # an executor that is gone says so in its own way
        raise Lost(one_line(raised)) from raised


def _outcomes(future: Future[list[Outcome]], tasks: tuple[Task, ...]) -> list[Outcome]:
    if future.cancelled():
        raise Lost("it gave the cells in its hands back")
    try:
        return future.result()
    except Exception as raised:  # noqa: BLE001  such as Dask's KilledWorker: the cells outlived too many of them
        return [Outcome(task, None, one_line(raised), 0.0) for task in tasks]


# ---------------------------------------------------------------------------------------------------------- executors


@contextlib.contextmanager
def _crew(where: Where) -> Iterator[Crew]:
    if where.dask:
        from theory.runs.cluster import crew

        with crew(where.dask, where.limits) as found:
            yield found
        return
    run = uuid.uuid4().hex
    executor = ThreadPoolExecutor(where.jobs, thread_name_prefix="cells")
    try:
        yield Crew(executor, lambda: where.jobs, run, where.limits)
    finally:  # also on Ctrl-C, or when the reader stopped reading: nobody waits for the cells in hand
        dismiss(run)
        executor.shutdown(wait=True, cancel_futures=True)


class _Children:
    """The processes of this one, by the run that they measure for. A run that is over gets no more of them."""

    def __init__(self) -> None:
        self._own = threading.local()
        self._lock = threading.Lock()
        self._of: dict[str, set[Child]] = {}
        self._over: set[str] = set()

    def mine(self, run: str, limits: Limits) -> Child:
        """That of this thread; a new one if the thread has none, or one of an earlier run, or a broken one."""
        held, child = getattr(self._own, "child", ("", None))
        if run in self._over:
            raise Expired("the run was ended")
        if child is not None and held == run and not child.broken:
            return child
        if child is not None:
            self.drop(held, child)
        with self._lock:
            if run in self._over:
                raise Expired("the run was ended")
            child = Child(limits)
            self._of.setdefault(run, set()).add(child)
        self._own.child = run, child
        return child

    def drop(self, run: str, child: Child) -> None:
        with self._lock:
            self._of.get(run, set()).discard(child)
        child.close()
        self._own.child = "", None

    def dismiss(self, run: str) -> None:
        with self._lock:
            self._over.add(run)
            children = self._of.pop(run, set())
        for child in children:
            child.dismiss()
        for child in children:
            child.close()


_CHILDREN = _Children()


def guarded(tasks: Sequence[Task], run: str, limits: Limits) -> list[Outcome]:
    """Measure cells in the process of this thread; what an executor is given to do."""
    return [_guarded(task, run, limits) for task in tasks]


def _guarded(task: Task, run: str, limits: Limits) -> Outcome:
    """A process that dies is replaced, and the cell measured once more; one that was out of time is not."""
    reason = ""
    for _ in range(_ATTEMPTS):
        try:
            return _CHILDREN.mine(run, limits).measure(task)
        except Expired as expired:
            return Outcome(task, None, str(expired), limits.timeout or 0.0)
        except Died as died:
            reason = str(died)
    return Outcome(task, None, reason, 0.0)


def dismiss(run: str) -> None:
    """End all processes that this one has for the run, in the middle of a cell if need be."""
    _CHILDREN.dismiss(run)
