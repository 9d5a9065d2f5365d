"""How a run is followed, on a terminal and elsewhere."""

import io

import pytest

from theory.report.progress import follow
from theory.runs.engine import Progress

CLAIM = {"key": "a.b", "verdict": "HOLDS", "slack": 0.5, "seconds": 1.0, "control": {"refuted": True, "each": [1]}}


class Stream(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


def followed(terminal):
    stream = Stream(terminal)
    with follow(stream, 2) as follower:
        follower.cell(Progress("", 0, 0, 0, 9), None)
        follower.cell(Progress("a.b", 3, 4, 5, 9), 700.0)
        follower.claim(CLAIM)
        follower.say("a note [with] brackets")
    return stream.getvalue()


def test_plain_lines_when_piped():
    assert followed(terminal=False).splitlines() == [
        "[1/2] a.b  HOLDS  slack 0.5  control refuted  1.0 s",
        "a note [with] brackets",
    ]


def test_a_live_display_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    text = followed(terminal=True)
    assert "a.b 3/4" in text
    assert "5/9" in text
    assert "12 min left" in text
    assert "a.b  HOLDS  slack 0.5" in text
    assert "a note [with] brackets" in text


@pytest.mark.parametrize("terminal", [True, False])
def test_errors_pass_through(terminal):
    with pytest.raises(KeyboardInterrupt), follow(Stream(terminal), 1):
        raise KeyboardInterrupt
