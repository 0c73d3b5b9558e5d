"""What does one worker of a crew do? `python -m console.crew_worker DATA FD`, started by `console.crew`."""

from __future__ import annotations

import signal
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from citywatch.cycles import without_cycles
from citywatch.detect.rulebook import Rulebook, Seen
from citywatch.watch import JUDGE
from console.crew import Ask, Told
from console.house import House, open_house

SHARE = 2000
"""Events read at once."""


def main(data: Path, descriptor: int) -> None:
    """Answer until the judge goes away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the judge
    pipe = Connection(descriptor)
    with open_house(data) as house:
        book = house.load_rules()
        while True:
            try:
                asked = msgspec.msgpack.decode(pipe.recv_bytes(), type=Ask)
            except (EOFError, OSError):
                return
            if asked.last == asked.after:
                book = house.load_rules()
            with without_cycles():
                told = _answer(house, book, asked)
            pipe.send_bytes(msgspec.msgpack.encode(told))


def _answer(house: House, book: Rulebook, asked: Ask) -> Told:
    seen: list[Seen] = []
    count, after = 0, asked.after
    while after < asked.last:
        events = house.journal.read(JUDGE, min(SHARE, asked.last - after), after=after)
        events = [event for event in events if int(event["event.sequence"]) <= asked.last]
        if not events:
            break
        seen += book.look(events)
        count += len(events)
        after = int(events[-1]["event.sequence"])
    return Told(mark=book.mark, count=count, seen=seen, failures=list(book.failures.take()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
