"""The command of ``documented.py``: hands arguments, folder, environment and streams over, and ends as it is told."""

import json
import os
import socket
import sys

if __name__ == "__main__":  # pytest, looking for doctests, imports it as well
    given = {"arguments": sys.argv[2:], "folder": os.path.realpath("."), "environment": dict(os.environ)}
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(sys.argv[1])
        socket.send_fds(server, [json.dumps(given).encode()], [0, 1, 2])
        sys.exit(int(server.recv(16) or 99))
