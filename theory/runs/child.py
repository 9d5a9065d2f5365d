"""A process that measures one cell after another, and the thread's end of it: what goes wrong costs one cell.

The process is told its tasks on standard input and answers on standard output, each message a length and a pickle.
It ends with the process that it belongs to: when standard input closes, whatever it is doing.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from theory.runs.cells import Outcome, Task, measure, one_line

_BEGIN = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from theory.runs.child import serve; serve()"
_LENGTH = 8
_KILLED = 9
"""The signal that nothing escapes."""
_PATIENCE = 5.0
"""Seconds that a process has to end by itself, once it has nothing to do."""


@dataclass(frozen=True)
class Limits:
    """What a cell may use: seconds, and bytes of memory beyond what its process holds before the first cell."""

    timeout: float | None = None
    memory: int | None = None

    def __bool__(self) -> bool:
        return self.timeout is not None or self.memory is not None


NONE = Limits()


class Died(Exception):
    """The process ended before the cell was measured."""


class Expired(Died):
    """It was ended, because the cell took too long."""


# ------------------------------------------------------------------------------------------------------ the outer end


class Child:
    """A process of one thread's own. It is not reached by Ctrl-C, which is for whoever waits for it."""

    def __init__(self, limits: Limits) -> None:
        self.broken = False
        self.busy = False
        self._limits = limits
        self._expired = False
        # A session of its own: Ctrl-C at a terminal reaches this process, which ends the others.
        command = [sys.executable, "-c", _BEGIN, json.dumps(sys.path, default=str)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=os.name == "posix"
        )
        self._ready = False

    def measure(self, task: Task) -> Outcome:
        """Measure a cell.

        Raises
        ------
        Died
            If the process ends first. It is of no use from then on.
        """
        self.busy = True
        if not self._ready:
            self._exchange(self._limits.memory)
            self._ready = True
        outcome = self._timed(task)
        self.busy = False
        # What a cell that had too little memory has left may stand in the way of the next.
        self.broken = self._expired or (self._limits.memory is not None and outcome.error.startswith("MemoryError"))
        return outcome

    def _timed(self, task: Task) -> Outcome:
        seconds = min(self._limits.timeout or 0.0, threading.TIMEOUT_MAX)
        timer = threading.Timer(seconds, self._expire) if seconds else None
        if timer:
            timer.start()
        try:
            outcome: Outcome = self._exchange(task)
            return outcome
        finally:
            if timer:
                timer.cancel()
                timer.join()  # either it has ended the process by now, or it never will

    def _exchange(self, message: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            _send(self._process.stdin, message)
            return _receive(self._process.stdout)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):  # ValueError: closed by whoever ended the run
            self.broken = True
            raise self._reason() from None

    def _reason(self) -> Died:
        code = self._ended()
        if self._expired:
            return Expired(f"not done after {self._limits.timeout:g} s (--timeout)")
        if code == -_KILLED:
            return Died("its worker process died (killed, or out of memory)")
        signals = {int(number): number.name for number in signal.Signals}
        return Died(f"its worker process died ({signals.get(-code, f'exit code {code}')})")

    def _expire(self) -> None:
        self._expired = True
        self.kill()

    def kill(self) -> None:
        """End the process at once; ``measure`` in another thread raises ``Died``."""
        with contextlib.suppress(OSError):
            self._process.kill()

    def dismiss(self) -> None:
        """Have the process end: at once in the middle of a cell, else by itself."""
        assert self._process.stdin is not None
        if self.broken or self.busy:
            self.kill()
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def close(self) -> None:
        """End the process, and wait for it."""
        assert self._process.stdout is not None
        self.dismiss()
        self._ended()
        self._process.stdout.close()  # not before: another thread may be reading

    def _ended(self) -> int:
        """The exit code of the process, which is made to end if it does not."""
        try:
            return self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.wait()


def _send(stream: IO[bytes], message: Any) -> None:
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    stream.write(len(content).to_bytes(_LENGTH, "little") + content)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    length = int.from_bytes(_exactly(stream, _LENGTH), "little")
    return pickle.loads(_exactly(stream, length))


def _exactly(stream: IO[bytes], length: int) -> bytes:
    content = stream.read(length)
    if len(content) < length:
        raise EOFError
    return content


# ------------------------------------------------------------------------------------------------------ the inner end


def serve() -> None:
    """In the process: measure what comes, until nothing more can come."""
    tasks, answers = _own_streams()
    incoming: queue.SimpleQueue[Any] = queue.SimpleQueue()
    busy = threading.Event()
    threading.Thread(target=_read, args=(tasks, incoming, busy), daemon=True).start()
    memory = incoming.get()
    _load()
    _limit(memory)
    busy.clear()
    _put(answers, pickle.dumps(None))
    while (task := incoming.get()) is not None:
        outcome = measure(task)
        busy.clear()  # before the answer: what comes after that is the next task
        _answer(answers, outcome)


def _own_streams() -> tuple[IO[bytes], IO[bytes]]:
    """The pipes, out of reach of a claim that reads or prints: what it prints goes to standard error."""
    tasks, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return tasks, answers


def _read(stream: IO[bytes], incoming: queue.SimpleQueue[Any], busy: threading.Event) -> None:
    """Pass the tasks on. When whoever sends them is gone, nobody waits for the cell in hand."""
    try:
        while True:
            message = _receive(stream)
            busy.set()
            incoming.put(message)
    except Exception:  # noqa: BLE001  closed, or cut off in the middle of a message
        if busy.is_set():
            os._exit(1)
        incoming.put(None)


def _load() -> None:
    """What every cell needs, before the first one is timed."""
    import scipy.linalg  # noqa: F401

    from theory.claims import registry

    registry()


def _answer(stream: IO[bytes], outcome: Outcome) -> None:
    try:
        content = pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL)
    except Exception as raised:  # noqa: BLE001  a claim may have put anything into its evidence
        content = pickle.dumps(Outcome(outcome.task, None, one_line(raised), outcome.seconds))
    _put(stream, content)


def _put(stream: IO[bytes], content: bytes) -> None:
    try:
        stream.write(len(content).to_bytes(_LENGTH, "little") + content)
        stream.flush()
    except OSError:  # nobody is there any more
        os._exit(1)


def _limit(memory: int | None) -> None:
    """Let this process allocate so many bytes more than it has: whoever asks for another gets a MemoryError."""
    if memory is None:
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = min(_data() + memory, sys.maxsize if hard == resource.RLIM_INFINITY else hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def _data() -> int:
    """Bytes that the process has for itself, as the limit counts them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmData:"))
