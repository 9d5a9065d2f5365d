"""Where cells are measured: in this process, or in others through :class:`concurrent.futures.Executor`."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from theory.claims.claim import Claim
from theory.runs.cells import Outcome, Task, measure, one_line

_AHEAD = 4
"""Cells handed out per worker: enough that none waits for this process, few enough that memory stays bounded."""

_DIED = "its worker process died (killed, or out of memory)"


def outcomes(tasks: Iterable[Task], jobs: int, claims: Mapping[str, Claim]) -> Iterator[Outcome]:
    """Measure every task with ``jobs`` processes (1: in this one), and yield each outcome as it comes."""
    if jobs == 1:
        yield from (measure(task, claims[task.key]) for task in tasks)
    else:
        yield from _parallel(deque(tasks), jobs)


def _parallel(waiting: deque[Task], jobs: int) -> Iterator[Outcome]:
    """A dead worker takes all cells in hand with it; measured again, each alone, only the culprit dies again."""
    while waiting:
        suspects = yield from _until_broken(waiting, min(jobs, len(waiting)))
        for suspect in suspects:
            for task in (yield from _until_broken(deque([suspect]), 1)):
                yield Outcome(task, None, _DIED, 0.0)


def _until_broken(waiting: deque[Task], jobs: int) -> Generator[Outcome, None, list[Task]]:
    """Yield outcomes until nothing waits; if a worker dies first, return the tasks that were in hand."""
    flying: dict[Future[Outcome], Task] = {}
    with _workers(jobs) as executor:
        while waiting or flying:
            try:
                while waiting and len(flying) < _AHEAD * jobs:
                    flying[_submit(executor, waiting[0])] = waiting[0]
                    waiting.popleft()
                ready = [
                    (future, _outcome(future, flying[future])) for future in wait(flying, None, FIRST_COMPLETED)[0]
                ]
            except BrokenProcessPool:
                return list(flying.values())
            for future, outcome in ready:
                del flying[future]
                yield outcome
    return []


def _outcome(future: Future[Outcome], task: Task) -> Outcome:
    try:
        return future.result()
    except BrokenProcessPool:
        raise
    except Exception as raised:  # noqa: BLE001  the evidence could not be sent from one process to the other
        return Outcome(task, None, one_line(raised), 0.0)


@contextlib.contextmanager
def _workers(jobs: int) -> Iterator[Executor]:
    """Worker processes that never outlive this block, nor this process: when their lifeline is cut they end at once."""
    context = multiprocessing.get_context("spawn")
    lifeline, cut = context.Pipe(duplex=False)
    executor = ProcessPoolExecutor(jobs, mp_context=context, initializer=_follow, initargs=(lifeline,))
    try:
        yield executor
    except BaseException:  # Ctrl-C, or the reader stopped reading: nobody waits for the cells in hand
        cut.close()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
        cut.close()
        lifeline.close()


def _follow(lifeline: Any) -> None:
    """In a worker: leave Ctrl-C to the parent, and end when the parent closes the lifeline or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Any) -> None:
    with contextlib.suppress(OSError):
        lifeline.poll(None)
    os._exit(1)


def _submit(executor: Executor, task: Task) -> Future[Outcome]:
    """Submitting may start a worker, which inherits the mask: Ctrl-C must not reach it while it is still importing."""
    if not hasattr(signal, "pthread_sigmask"):
        return executor.submit(measure, task)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return executor.submit(measure, task)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
