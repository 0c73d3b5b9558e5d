"""How are the parts of one installation joined? Here, and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from citywatch.clock import Clock, system_clock
from citywatch.errors import ContentError, SettingsError
from citywatch.settings import Settings, load_settings

if TYPE_CHECKING:
    from citywatch.detect.fold import Fold
    from citywatch.detect.indicators import Indicator, Indicators
    from citywatch.detect.rulebook import Rulebook
    from citywatch.journal.lmdb_journal import LmdbJournal
    from citywatch.model import Alert, Rule
    from citywatch.ports import Responder, Sensor, Store
    from citywatch.respond.allow import Gate
    from citywatch.respond.catalogue import Catalogue
    from citywatch.respond.law import Law
    from citywatch.respond.playbook import Playbook
    from citywatch.respond.runner import Runner
    from citywatch.respond.sla import Sla
    from citywatch.store.custody import Custody
    from citywatch.store.evidence import EvidenceFolder
    from citywatch.watch import Judge
    from console.advisories import Advisories
    from console.face_preview import Preview
    from console.indicators import Warnings
    from console.packets import Packets
    from console.pulse import Pulse
    from sensors.portal.picture.camera import Camera
    from sensors.portal.proof import Proof


def default_data() -> Path:
    """Where an installation is when nobody says: CITYWATCH_DATA, else the user's data folder."""
    chosen = os.environ.get("CITYWATCH_DATA")
    if chosen:
        return Path(chosen)
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(home) / "citywatch"


class House:
    """One installation. Each part is made when it is first asked for, so that `--help` stays fast.

    Not to be shared between processes; its parts may be used from several threads.
    """

    def __init__(self, settings: Settings, clock: Clock = system_clock) -> None:
        self.settings = settings
        self.clock = clock
        self._closing: list[Any] = []

    @cached_property
    def store(self) -> Store:
        from citywatch.store import open_store

        store = open_store(self.settings, self.clock)
        self._closing.append(store)
        return store

    @cached_property
    def journal(self) -> LmdbJournal:
        from citywatch.journal.lmdb_journal import LmdbJournal
        from citywatch.store import shipper
        from citywatch.watch import JUDGE

        wanted = self.settings.journal
        journal = LmdbJournal(
            self.settings.data / "journal",
            cap_mb=wanted.cap_mb,
            drop_oldest=wanted.drop_oldest,
            clock=self.clock,
            readers=(JUDGE, shipper.READER),
        )
        self._closing.append(journal)
        return journal

    @cached_property
    def evidence(self) -> EvidenceFolder:
        from citywatch.store.evidence import EvidenceFolder

        return EvidenceFolder(self.settings.data / "evidence")

    @cached_property
    def camera(self) -> Camera | None:
        """Takes pictures of portals; None when they are switched off or something is lacking for them."""
        from sensors.portal.picture.camera import Camera, missing

        if missing(self.settings.pictures):
            return None
        camera = Camera(self.settings.pictures, allow_loopback=self.settings.fetch.allow_loopback)
        self._closing.append(camera)
        return camera

    @cached_property
    def custody(self) -> Custody:
        """Which evidence was taken when and from where, in a chain."""
        from citywatch.store.custody import Custody

        return Custody(self.settings.data / "evidence" / "custody")

    @property
    def content_dir(self) -> Path:
        return self.settings.content_dir

    @property
    def imported_rules(self) -> Path:
        """Where `citywatch rules import` puts other people's rules."""
        return self.settings.data / "rules"

    @cached_property
    def rulebook(self) -> Rulebook:
        """The rules in force; `console.reload` puts a new one here when their files change."""
        return self.load_rules()

    def load_rules(self) -> Rulebook:
        """Read all rules anew."""
        from citywatch.detect.rulebook import Rulebook

        extra = [self.imported_rules] if self.imported_rules.is_dir() else []
        return Rulebook.load(
            self.content_dir,
            extra=extra,
            evidence=self.evidence.get,
            indicators=self.indicators,
            cache=self.settings.data / "cache",
            today=self.clock().date().isoformat(),
        )

    @cached_property
    def indicators(self) -> Indicators:
        """What other centers warn of."""
        from citywatch.detect.indicators import Indicators

        indicators = Indicators(self.settings.data / "indicators.db")
        self._closing.append(indicators)
        return indicators

    @cached_property
    def warnings(self) -> Warnings:
        """Where warnings are brought in, and the past is asked for what they name."""
        from console.indicators import Warnings

        return Warnings(indicators=self.indicators, journal=self.journal, store=self.store, clock=self.clock)

    @property
    def rule_errors(self) -> list[ContentError]:
        """Rules that were not loaded: told by every verb that judges, and on the health page."""
        return [refusal.error for refusal in self.rulebook.refusals if refusal.kind == "refused"]

    @property
    def rules(self) -> Mapping[str, Rule]:
        return self.rulebook.rules

    @cached_property
    def fold(self) -> Fold:
        from citywatch.detect.fold import Fold

        return Fold(self.rulebook.windows)

    @cached_property
    def playbook_errors(self) -> list[ContentError]:
        return []

    @cached_property
    def playbooks(self) -> Sequence[Playbook]:
        from citywatch.respond.playbook import load_playbooks

        playbooks, errors = load_playbooks(self.content_dir / "playbooks")
        self.playbook_errors.extend(errors)
        return playbooks

    @cached_property
    def catalogue(self) -> Catalogue:
        from citywatch.respond.catalogue import Catalogue

        return Catalogue(self.store, clock=self.clock, timezone=self.settings.timezone)

    @cached_property
    def sla(self) -> Sla:
        """Until when tickets are to be dealt with."""
        from citywatch.respond.sla import load_sla

        return load_sla(self.settings.data, self.settings.timezone)

    @cached_property
    def law(self) -> Law:
        """What the law wants reported, to whom and until when."""
        from citywatch.respond.law import load_law

        return load_law(self.settings.data, self.settings.timezone)

    @cached_property
    def responders(self) -> dict[str, Responder]:
        import responders

        return responders.build(
            self.settings,
            self.store,
            self.clock,
            self.evidence,
            responders.Help(
                recheck=self._recheck,
                about=self._about,
                capture=self._capture,
                draft=self._draft,
                keep=self.evidence.keep,
            ),
        )

    @cached_property
    def advisories(self) -> Advisories:
        """Warnings of other centers and makers, and the campaigns after them."""
        from console.advisories import Advisories

        return Advisories(
            store=self.store,
            clock=self.clock,
            keep=self.evidence.keep,
            get=self.evidence.get,
            warnings=self.warnings,
            software_now=self.software_now,
        )

    def software_now(self, kind: str, asset: str) -> Mapping[str, Any]:
        """Look at a portal or system: `available`, and the `software` that it says it runs."""
        from console.software import software_now

        return software_now(self, kind, asset)

    def _capture(self, portal_id: str) -> Mapping[str, Any]:
        from console.software import capture

        return capture(self, portal_id)

    def _draft(self, ticket_id: str, name: str, form: str) -> bytes:
        from console.cases import read_ticket
        from console.reports import Source, print_ticket

        source = Source(
            settings=self.settings, clock=self.clock, store=self.store, sla=self.sla, law=self.law
        )
        return print_ticket(source, read_ticket(self, ticket_id), name, form)

    def _about(self, value: str) -> Sequence[Indicator]:
        return self.warnings.about(value)

    def _recheck(self, portal_id: str) -> Mapping[str, Any]:
        from console.portals import recheck

        return recheck(self, portal_id)

    @cached_property
    def runner(self) -> Runner:
        from citywatch.respond.runner import Runner
        from citywatch.respond.story import Stories
        from citywatch.respond.tie import load_ties

        runner = Runner(
            self.store,
            self.playbooks,
            self.responders,
            self.catalogue,
            self.clock,
            may_approve=self._may_approve,
            stories=Stories(self.store, load_ties(self.settings.data), self.clock),
        )
        self._closing.append(runner)
        return runner

    def _may_approve(self, person: str, role: str) -> bool:
        from console.playbooks import may_approve

        return may_approve(self, person, role)

    @cached_property
    def judge(self) -> Judge[Rulebook]:
        from citywatch.watch import Judge

        judge = Judge(
            self.journal,
            self.rulebook,
            self.fold,
            self.store,
            own=self.catalogue.own,
            start=self._start,
        )
        if self.settings.watch.workers > 1:
            from console.crew import Workers

            crew = Workers(self, self.settings.watch.workers)
            self._closing.append(crew)
            judge.employ(crew)
        return judge

    @cached_property
    def gate(self) -> Gate:
        from citywatch.respond.allow import Gate

        return Gate(self.store, self.clock)

    def _start(self, alerts: Sequence[Alert]) -> object:
        """Playbooks see what nobody has allowed."""
        return self.runner.start_many(self.gate.let_through(alerts))

    @property
    def sensors(self) -> Sequence[Sensor]:
        import sensors

        return sensors.ALL

    @cached_property
    def pulse(self) -> Pulse:
        from console.pulse import Pulse

        return Pulse(self.store, self.clock)

    def health(self) -> Mapping[str, Any]:
        """What is well and what is not, for the health page and `citywatch doctor`."""
        from console.pulse import health

        return health(self)

    def prove(self, url: str, token: str) -> Proof:
        """Look for an agency's token at its portal."""
        from console.claims import prove_over_network

        return prove_over_network(self)(url, token)

    def recheck(self, portal_id: str) -> Mapping[str, Any]:
        """Look at a portal now: `available`, and whether it is `alerting`."""
        return self._recheck(portal_id)

    def accept_face(self, portal_id: str, by: str) -> str:
        """Take a portal's present face as the right one."""
        from console.portals import accept

        return accept(self, portal_id, by=by)

    def preview_face(self, portal_id: str, by: str) -> Preview:
        """Look at a portal now, and keep what accepting its present face would change."""
        from console.face_preview import take

        return take(self, portal_id, by)

    def packets(self, alert_id: str, by: str) -> Packets:
        """Keep the packets of an alert as evidence."""
        from console.packets import take

        return take(self, alert_id, by=by)

    def mail(self, key: str, to: str, subject: str, text: str) -> str:
        """Send a letter; gives what came of it."""
        from citywatch.ports import Order

        order = Order(key=key, action="notify.mail", inputs={"to": to, "subject": subject, "text": text})
        return str(self.responders["notify.mail"].act(order).get("note", ""))

    def close(self) -> None:
        """Close what was opened, newest first."""
        while self._closing:
            self._closing.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_house(
    data: Path | None = None,
    *,
    store: str | None = None,
    clock: Clock = system_clock,
    make: bool = False,
    overrides: Mapping[str, Any] | None = None,
) -> House:
    """Open an installation.

    Args:
        data: its folder; None means the default one.
        store: where the store is, over the setting.
        clock: the time.
        make: make the folder when it is not there.
        overrides: further top-level settings.

    Raises:
        SettingsError: there is no installation, it cannot be written, or a setting is wrong.
    """
    folder = (data or default_data()).expanduser()
    if make:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"{folder}: cannot be made: {error.strerror}; choose another --data"
            ) from error
    if not folder.is_dir():
        raise SettingsError(f"{folder}: there is no installation here; run: citywatch init --data {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SettingsError(
            f"{folder}: this folder cannot be written; choose another --data or mend its rights"
        )
    return House(load_settings(folder, overrides={"store": store, **(overrides or {})}), clock)
