"""What runs all day, and what happens when a part of it fails?

Every part (gather, judge, ship, respond, portals, nightly, pulse) runs in a thread of its own, in a loop that
survives whatever the part raises: it is counted, told, and tried again after a pause that grows.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING, cast

from citywatch.errors import CityWatchError
from citywatch.watch import JUDGE, gather, is_gathered

if TYPE_CHECKING:
    import uvicorn

    from console.house import House
    from console.listeners import Inlet
    from console.live import Live
    from console.rounds import Rounds
    from console.standing import Standing

log = logging.getLogger("citywatch")

_LOOK_UP_S = 1.0
_LONGEST_PAUSE_S = 30.0
_AT_REST_S = 10.0
_NEARLY_FULL = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One loop of the service."""

    name: str
    step: Callable[[], int]
    """Does what there is to do; gives how much that was."""
    pause_s: float
    """How long to wait when there was nothing."""


class Service:
    """All parts of one installation."""

    def __init__(self, house: House, inputs: Sequence[Path], *, until_idle: bool = False) -> None:
        self._house = house
        self._until_idle = until_idle
        self._inputs = inputs
        self._stop = Flag()
        self._passed_over: set[Path] = set()
        self._gathered = Flag()
        self._threads: list[Thread] = []
        self._live: Live | None = None
        self._inlets: list[Inlet] = []
        self._rounds: Rounds | None = None

    def start(self) -> None:
        """Open everything that could be missing or wrong, then start the loops.

        Raises:
            CityWatchError: the installation cannot run; nothing was started.
        """
        from console.reload import tell_refused

        house = self._house
        house.judge  # noqa: B018 - compiles the rules, opens journal and store; errors belong to the caller
        for error in (*house.rule_errors, *house.playbook_errors):
            log.warning("%s", error)
        tell_refused(house)
        if house.settings.network.interfaces and not house.settings.network.separate and not self._until_idle:
            from console.live import of_house

            self._live = of_house(house)
        if not self._until_idle:
            from console import listeners

            self._inlets = listeners.of_house(house)
            for inlet in self._inlets:
                log.info("%s: listens at %s", inlet.name, ", ".join(inlet.endpoints))
        for part in self._parts():
            thread = Thread(target=self._loop, args=(part,), name=part.name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End all loops after what they are doing now."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=60)
        for inlet in self._inlets:
            inlet.close()
        if self._rounds is not None:
            self._rounds.close()
        if self._live is not None:
            self._live.close()
        self._tell_arrived()
        with suppress(CityWatchError):  # the store may be what is wrong
            self._pulse()

    def wait(self) -> None:
        """Until somebody stops the service.

        A signal may reach another thread than this one, the only one in which Python handles it: who waits
        without end would then never wake up for it.
        """
        while not self._stop.wait(_LOOK_UP_S):
            pass

    def ask_to_stop(self, *_: object) -> None:
        """May be called from a signal handler, and as one."""
        self._stop.set()

    def wait_idle(self) -> None:
        """Until all inputs are gathered, judged, stored and answered."""
        quiet = 0
        while quiet < 2 and not self._stop.wait(0.1):  # noqa: PLR2004 - seen idle twice, so nothing was in flight
            quiet = quiet + 1 if self._is_idle() else 0

    def _is_idle(self) -> bool:
        from citywatch.store.shipper import READER

        house = self._house
        if not self._gathered.is_set() or house.judge.waiting:
            return False
        last = house.journal.health().last
        return (
            house.journal.cursor(JUDGE) == last
            and house.journal.cursor(READER) == last
            and not house.runner.is_due()
        )

    def _parts(self) -> Iterator[Part]:
        from citywatch.store.shipper import Shipper
        from console.reload import Reload

        house = self._house
        shipper = Shipper(house.journal, house.store)
        yield Part(name="gather", step=self._gather, pause_s=2.0)
        yield Part(name="judge", step=self._judge, pause_s=0.05)
        yield Part(name="ship", step=shipper.step, pause_s=0.2)
        yield Part(name="respond", step=house.runner.tick, pause_s=0.2)
        yield Part(name="pulse", step=self._pulse, pause_s=5.0)
        yield Part(name="rules", step=Reload(house).step, pause_s=5.0)
        if not self._until_idle:
            yield from self._lasting_parts()
        if house.settings.network.interfaces and not self._until_idle:
            yield Part(name="capture", step=self._guard, pause_s=1.0)
            for name, step in self._live.steps() if self._live else ():
                yield Part(name=f"live:{name}", step=step, pause_s=0.1)
        for inlet in self._inlets:
            yield Part(name=f"listen:{inlet.name}", step=inlet.step, pause_s=0.1)
        if self._inlets:
            yield Part(name="listeners", step=self._tell_arrived, pause_s=2.0)

    def _lasting_parts(self) -> Iterator[Part]:
        """Those that have no end: they look at the clock, at portals, at mailboxes."""
        from console.advisory_intake import Intake
        from console.deadlines import Deadlines
        from console.meter import Meter
        from console.nightly import Night
        from console.outbound import Outbound
        from console.rounds import Rounds

        house = self._house
        if house.settings.webhook.url and house.settings.webhook.changes:
            outbound = Outbound(house.store, house.clock, house.settings.webhook)
            yield Part(name="outbound", step=outbound.step, pause_s=3.0)
        self._rounds = Rounds(house)
        yield Part(name="portals", step=self._rounds.step, pause_s=1.0)
        yield Part(name="hunts", step=self._hunts().step, pause_s=30.0)
        yield Part(name="meter", step=Meter(house).step, pause_s=60.0)
        yield Part(name="sla", step=Deadlines(house).step, pause_s=5.0)
        yield Part(name="advisories", step=Intake(house).step, pause_s=10.0)
        yield Part(name="nightly", step=Night(house).tick, pause_s=20.0)

    def _loop(self, part: Part) -> None:
        pause = part.pause_s
        while not self._stop.is_set():
            try:
                done = part.step()
            except Exception as error:  # one failing part must not stop the others, nor end itself
                known = isinstance(error, CityWatchError)
                log.log(
                    logging.WARNING if known else logging.ERROR,
                    "%s: %s",
                    part.name,
                    error,
                    exc_info=not known,
                )
                self._house.pulse.failed(part.name, error)
                pause = min(max(pause, 0.5) * 2, _LONGEST_PAUSE_S)
                self._stop.wait(pause)
                continue
            self._house.pulse.well(part.name)
            if done:
                self._house.pulse.count(part.name, done=done)
            pause = part.pause_s
            if not done:
                self._stop.wait(pause)

    def _gather(self) -> int:
        from console.mappings import own_tables
        from sensors.lines import piece_of
        from sensors.tell import sources

        house = self._house
        done = 0
        tables = own_tables(house.settings.data, self._tell_once)
        inputs = [*self._inputs, *self._rotated()]
        for path, sensor in sources(inputs, self._tell_once, tables):
            if self._stop.is_set():
                return done
            if is_gathered(path, house.journal):
                continue
            outcome = gather(
                sensor,
                path,
                house.journal,
                report=house.pulse.problem,
                keep=house.evidence.keep,
                whole=self._until_idle or _is_at_rest(path),
                peek=piece_of,
            )
            house.pulse.count(f"sensor:{sensor.name}", events=outcome.new, sources=1)
            done += outcome.new
        self._gathered.set()
        return done

    def _rotated(self) -> list[Path]:
        """Logs that were named as files and have another name by now: their last lines wait."""
        from citywatch.resume import is_known
        from sensors.lines import piece_of

        journal = self._house.journal
        named = (path for path in self._inputs if path.is_file())
        beside = (other for path in named for other in sorted(path.parent.glob(f"{path.name}?*")))
        return [
            other
            for other in beside
            if other.is_file() and not is_gathered(other, journal) and is_known(other, journal, piece_of)
        ]

    def _tell_once(self, problem: object) -> None:
        from citywatch.model import Problem

        if isinstance(problem, Problem) and Path(problem.source) not in self._passed_over:
            self._passed_over.add(Path(problem.source))
            log.warning("%s", problem)
            self._house.pulse.problem(problem)

    def _judge(self) -> int:
        judged = self._house.judge.step()
        return judged + self._house.judge.flush()

    def _hunts(self) -> Standing:
        from console.standing import Standing
        from console.web.query import read_event_query

        return Standing(self._house.store, self._house.clock, read_event_query)

    def _guard(self) -> int:
        """The capture process is at work, and what it counts is seen."""
        from console.live import status_of_all

        live = self._live
        started = live.guard() if live else 0
        if live and started:
            log.info("capture process: started; %s", live.confined)
        for row in live.status() if live else status_of_all(self._house):
            counts = {key: held for key, held in row.items() if isinstance(held, int)}
            error = "" if row["state"] == "up" else f"the interface is {row['state']}"
            self._house.pulse.gauge(f"interface:{row['interface']}", error, counts)
        return started

    def _tell_arrived(self) -> int:
        """What became of what other machines sent."""
        for inlet in self._inlets:
            for row in inlet.status():
                counts = {key: held for key, held in row.items() if isinstance(held, int)}
                error = "the journal is full: senders are held back" if inlet.full else ""
                self._house.pulse.gauge(f"{row['protocol']}:{row['where']}", error, counts)
        return 0

    def _pulse(self) -> int:
        self._house.pulse.count("service")
        self._tell_queue()
        self._house.pulse.write()
        return 0

    def _tell_queue(self) -> None:
        """How full the journal is, what was dropped of it, and how far behind each reader is."""
        state = self._house.journal.health()
        counts = {"waiting": state.last - state.first + 1, "dropped": state.dropped}
        counts |= {"kib": state.bytes_used // 1024, "most_kib": state.bytes_cap // 1024}
        full = state.bytes_used > state.bytes_cap * _NEARLY_FULL
        self._house.pulse.gauge("journal", "it is nearly full: the oldest goes first" if full else "", counts)
        for reader, place in state.readers.items():
            self._house.pulse.gauge(f"lag:{reader}", "", {"behind": state.last - place})


def _is_at_rest(path: Path) -> bool:
    """Nobody has written to it for a while: its last line is whole."""
    return time.time() - path.stat().st_mtime > _AT_REST_S


def serve(
    data: Path | None,
    store: str | None,
    *,
    inputs: Sequence[Path],
    until_idle: bool,
    address: tuple[str, int] | None,
) -> None:
    """Run the service until it is stopped, or until there is nothing left to do.

    Raises:
        CityWatchError: the installation cannot run; tells why.
    """
    from console.house import open_house
    from console.settle import judging

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    with ExitStack() as stack:
        house = stack.enter_context(open_house(data, store=store))
        watched = [*inputs, *(Path(text) for text in house.settings.watch.inputs)]
        service = Service(house, watched, until_idle=until_idle)
        if not stack.enter_context(judging(house)):
            raise CityWatchError(f"{house.settings.data}: another service judges here already; stop it first")
        web = _web(house, *address) if address else None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, service.ask_to_stop)
        service.start()
        if web:
            Thread(target=web.run, name="console", daemon=True).start()
        if until_idle:
            service.wait_idle()
        else:
            service.wait()
        if web:
            web.should_exit = True
        service.stop()


def _web(house: House, host: str, port: int) -> uvicorn.Server:
    import uvicorn

    from console.web.accounts import is_set_up, new_one_time_code
    from console.web.app import HouseView, make_app

    if host not in {"127.0.0.1", "::1", "localhost"}:
        log.warning("the console listens on %s without TLS: put a TLS proxy before it", host)
    if not is_set_up(house.store):
        code = new_one_time_code(house.store, house.clock)
        log.info("nobody can log in yet: open /login and make the first account with this code: %s", code)
    config = uvicorn.Config(
        make_app(cast("HouseView", house)),
        host=host,
        port=port,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    log.info("console: http://%s:%d/", host, port)
    return server


def serve_console(house: House, host: str, port: int) -> None:
    """Serve the console alone until it is stopped; it shows the rules as they are now."""
    from console.reload import Reload

    reload = Reload(house, judges=False)
    stop = Flag()

    def look() -> None:
        while not stop.wait(30.0):
            reload.step()

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    Thread(target=look, name="rules", daemon=True).start()
    try:
        _web(house, host, port).run()
    finally:
        stop.set()
