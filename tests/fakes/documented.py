"""The command ``theory`` for the tests of the documentation: all of it is real, but there are few claims.

Those keep their grids, and have made-up evidence in the place of their measurement, so that the commands that take
minutes or hours are run as they are written. ``documented.py SOCKET`` serves ``documented_command.py SOCKET …``.
"""

import dataclasses
import itertools
import json
import os
import signal
import socket
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import full_store

from theory import claims
from theory.claims.claim import Evidence

FEW = ("isotropy", "fig3c", "fig3d", "fig4", "interpolation", "images", "riemannian", "one_sample")
ours = claims._ours


def quickly(claim):
    def measure(cell, setting):
        controls = [cell.control] if cell.control else ["", *claim.controls]
        return Evidence([full_store.finding(claim, control, 1.0) for control in controls], {"value": [1.0]})

    return dataclasses.replace(claim, measure=measure)


def prepare():
    """Have few claims, and load once what every command would load."""
    import matplotlib.figure  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import scipy.linalg  # noqa: F401

    import theory.report.page
    import theory.runs.engine  # noqa: F401

    found = [(name, quickly(claim)) for name, claim in ours() if name.endswith(FEW)]
    claims._ours = lambda: iter(found)
    claims.registry()
    # No second process: it would take long to load all of it again, and find the claims as they are.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def run(connection):
    """In a process of its own: one command, with the arguments, the folder, the environment and the streams given."""
    from theory.cli import main

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    words, streams, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    given = json.loads(words)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # New ones: those of the server know what it wrote to.
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode, closefd=False) for number, mode in enumerate("rww"))
    os.chdir(given["folder"])
    os.environ.clear()
    os.environ.update(given["environment"])
    arguments = given["arguments"]
    sys.argv = ["theory", *("1" if before == "--jobs" else one for before, one in itertools.pairwise(["", *arguments]))]
    code = 99
    try:
        main()
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:  # noqa: BLE001  nobody else would say what it was
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        connection.sendall(b"%d" % code)
        os._exit(0)


def serve(path):
    """A process for each command that is asked for, forked from this one: so each starts in no time."""
    prepare()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them here
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        while True:
            connection, _ = listener.accept()
            with connection:
                if not os.fork():
                    run(connection)


if __name__ == "__main__":  # pytest, looking for doctests, imports it as well
    serve(sys.argv[1])
