"""Where does this installation keep things, and whom does it talk to?

`DATA/citywatch.toml`, then environment variables `CITYWATCH_<SECTION>_<NAME>`, then options of the command.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec

from citywatch.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Elastic:
    """How to reach an Elasticsearch cluster. One of basic auth or service token."""

    ca_file: str = ""
    fingerprint: str = ""
    """SHA-256 of the CA certificate in hex."""
    user: str = ""
    password: str = ""
    service_token: str = ""
    prefix: str = "citywatch"
    timeout_s: float = 30.0
    shards: int = 1
    replicas: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """The SMTP outlet. An empty host switches it off."""

    host: str = ""
    port: int = 25
    starttls: bool = False
    tls: bool = False
    ca_file: str = ""
    user: str = ""
    password: str = ""
    sender: str = "citywatch@localhost"
    timeout_s: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """The webhook outlet. An empty URL switches it off."""

    url: str = ""
    secret: str = ""
    """Signs each body: header `X-CityWatch-Signature: sha256=<hex>`."""
    changes: bool = False
    """Tell every change of an alert or a ticket, also without a playbook."""
    timeout_s: float = 15.0
    ca_file: str = ""
    allow_private: bool = False
    """The receiver may be in a private network."""
    allow_loopback: bool = False
    """The receiver may be on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telegram:
    """The Telegram outlet. An empty token switches it off."""

    token: str = ""
    chat: str = ""
    base_url: str = "https://api.telegram.org"
    timeout_s: float = 15.0
    allow_loopback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocking:
    """Block lists that firewalls fetch."""

    never: tuple[str, ...] = ()
    """Networks and domains that never go on a list, beside the city's own and all private ones."""
    hours: int = 24
    """How long an entry stays when the playbook does not say."""
    key: str = ""
    """What firewalls must say to fetch the list (HTTP basic password); empty: it is not published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """Where playbooks look things up. What is empty is not asked."""

    resolver: str = ""
    """Address of the DNS resolver that is asked."""
    resolver_port: int = 53
    geo_file: Path | None = None
    """CSV: network,country,asn,name."""
    rdap_url: str = ""
    """An RDAP server that leads on to the right registry, for domains and addresses."""
    allow_private: bool = False
    """The RDAP server may be in a private network."""
    allow_loopback: bool = False
    timeout_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """Other teams' tools that playbooks hand cases over to. An empty URL switches one off."""

    misp_url: str = ""
    misp_key: str = ""
    thehive_url: str = ""
    thehive_key: str = ""
    iris_url: str = ""
    iris_key: str = ""
    iris_customer: int = 1
    timeout_s: float = 20.0
    ca_file: str = ""
    allow_private: bool = False
    allow_loopback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """Channels that Apprise reaches."""

    channels: dict[str, str] = field(default_factory=dict[str, str])
    """Name to address: `{ truc = "matrixs://user:pass@chat.hanoi.gov.vn/#truc" }`."""
    schemes: tuple[str, ...] = ("matrixs", "msteams", "slack", "mmosts", "rockets", "ntfys", "jsons")
    """Only these are used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """The hook that puts a portal behind its maintenance page. An empty URL switches it off."""

    url: str = ""
    secret: str = ""
    """Signs each body: header `X-CityWatch-Signature: sha256=<hex>`."""
    timeout_s: float = 15.0
    ca_file: str = ""
    allow_private: bool = False
    allow_loopback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Escape:
    """What playbooks may do beyond the actions that there are. Empty: nothing."""

    commands: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Name to program and its first arguments: `{ isolate = ["/usr/local/sbin/isolate"] }`."""
    http: tuple[str, ...] = ()
    """URLs under which requests may be sent."""
    timeout_s: float = 30.0
    allow_private: bool = False
    allow_loopback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisories:
    """Where warnings of police, ministry and makers come in. What is empty is not looked at."""

    folder: Path | None = None
    """Files put here are taken in; they are left where they are."""
    imap_host: str = ""
    imap_port: int = 993
    imap_starttls: bool = False
    """Begin in the clear and go over to TLS (port 143); never without."""
    imap_user: str = ""
    imap_password: str = ""
    imap_ca_file: str = ""
    mailbox: str = "INBOX"
    senders: tuple[str, ...] = ()
    """Addresses or domains (`ncsc.gov.vn`) whose letters are taken in; empty: nobody's."""
    trust_mail: bool = False
    """What a letter names is watched for at once. A sender's address can be forged: leave it off unless the
    mail server refuses such letters."""
    every_s: int = 120
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """What a portal visit may cost and where it may go."""

    allow_loopback: bool = False
    """For test portals only; link-local and metadata addresses stay refused."""
    timeout_s: float = 20.0
    max_bytes: int = 5_000_000
    max_redirects: int = 5
    concurrency: int = 32
    retries: int = 1
    """How often a page is asked for again when the line broke or the server was busy."""
    per_server: float = 10.0
    """Requests a second to one address, over all its portals; 0: no limit."""
    robots: bool = True
    """Crawl only what robots.txt allows; pages that an agency named are looked at anyway."""
    proxy: str = ""
    """Go out through this proxy (`http://proxy:3128`); names are checked here before it is asked."""
    second_proxy: str = ""
    """A proxy elsewhere, through which something grave is looked at once more before it is told."""
    keep_bodies: bool = False
    """Keep every body that differs from the last one, by its hash, for `citywatch portals warc`."""
    user_agent: str = "CityWatch/0.1 (+security monitoring of the city's portals)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """Pictures of portals, taken with a Chromium of this machine. Needs the extra `pictures`."""

    chromium: str = ""
    """The browser (`/usr/bin/chromium`); empty: no pictures are taken."""
    tabs: int = 2
    user: str = "nobody"
    """Who the browser's process becomes when the service runs as root."""
    every_s: int = 3600
    """How long a portal is left alone between two pictures; a deep visit takes one always."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings:
    """How much may wait between looking and judging."""

    cap_mb: int = 2048
    drop_oldest: bool = False
    """When full: drop the oldest and count it (True) or hold the sensors back (False)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long events stay."""

    days: int = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What the service looks at."""

    inputs: tuple[str, ...] = ()
    """Files and folders with captures and logs; new files in a folder are taken as they come."""
    nightly_at: str = "02:00"
    nightly_spread_min: int = 180
    """Over so many minutes the deep scans of a night are spread."""
    nightly_hours: float = 6.0
    """After so long a night ends, whoever was not let in until then."""
    morning_to: tuple[str, ...] = ()
    """Who gets the morning report by mail."""
    portal_every_s: int = 600
    workers: int = 1
    """Processes that look at events; 1: the service itself does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Where the audit's newest line is written down every night, so that nobody can make it anew unseen."""

    anchor_file: str = ""
    """Empty: `audit-anchors.txt` in the installation's folder; better a file on another machine."""
    mail_to: tuple[str, ...] = ()
    """Who gets it by mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The interfaces that the service listens to."""

    interfaces: tuple[str, ...] = ()
    filter: str = ""
    """Which packets are wanted, in the language of tcpdump; empty: all."""
    ring_mib: int = 64
    """Memory of the kernel's ring, for each interface."""
    disk_mib: int = 1024
    """Packets kept on disk for each interface, the newest: for the evidence of alerts."""
    user: str = "nobody"
    """Who the capture process becomes when it is started as root."""
    most_flows: int = 65_536
    """Conversations that are remembered at once, for each interface."""
    separate: bool = False
    """`citywatch capture` runs as a service of its own; `citywatch watch` only shows its counters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where other machines send their logs and flow records: `0.0.0.0:514`, `[::]:514`."""

    syslog_udp: tuple[str, ...] = ()
    syslog_tcp: tuple[str, ...] = ()
    syslog_tls: tuple[str, ...] = ()
    netflow: tuple[str, ...] = ()
    """NetFlow v5, v9 and IPFIX, told apart by their headers."""
    sflow: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    """Networks that may send; empty: all."""
    certificate: str = ""
    """PEM file with the certificate (and what is between it and its authority) that TLS senders see."""
    key: str = ""
    client_ca: str = ""
    """With it only senders with a certificate of this authority are believed."""
    timezone: str = ""
    """Of senders whose messages do not tell it; empty: the installation's."""
    longest: int = 65_536
    """Bytes of a message that are kept."""
    most_held: int = 20_000
    """Messages in memory; past it TCP senders wait, and the kernel drops datagrams and counts them."""
    most_connections: int = 512
    most_per_sender: int = 32
    open_s: float = 60.0
    """A message that has begun must end within this time."""
    idle_s: float = 3600.0
    receive_mib: int = 16
    """The kernel's memory for datagrams that wait, for each socket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """How people come in."""

    address: str = ""
    """The console as people type it (`https://csirt.example.gov.vn`): for links in mail, and for passkeys.
    Empty: as each request says."""
    second_factor: tuple[str, ...] = ()
    """Roles that get no further than their own account page until they have a second factor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Oidc:
    """An identity provider (OpenID Connect). An empty issuer switches it off."""

    issuer: str = ""
    client_id: str = ""
    client_secret: str = ""
    name: str = "OpenID Connect"
    """What stands on the button."""
    scopes: tuple[str, ...] = ("openid", "profile", "email", "groups")
    groups_claim: str = "groups"
    roles: dict[str, str] = field(default_factory=dict[str, str])
    """Group to role, or `agency:AGENCY`; of several the mightiest. Who is in none does not come in."""
    ca_file: str = ""
    timeout_s: float = 10.0
    allow_http: bool = False
    """For a provider on this machine, in tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set. Paths are absolute."""

    data: Path
    store: str = ""
    """`` or `sqlite:PATH` for the embedded store; `http(s)://host:9200` for Elasticsearch."""
    content: str = ""
    """Folder that holds `rules/` and `playbooks/`; empty: the repository's own, else the wheel's."""
    organisation: str = "HN"
    """First part of ticket ids: `HN-2026-000123`."""
    timezone: str = "Asia/Ho_Chi_Minh"
    elastic: Elastic = field(default_factory=Elastic)
    mail: Mail = field(default_factory=Mail)
    webhook: Webhook = field(default_factory=Webhook)
    telegram: Telegram = field(default_factory=Telegram)
    blocking: Blocking = field(default_factory=Blocking)
    lookup: LookUp = field(default_factory=LookUp)
    handover: Handover = field(default_factory=Handover)
    advisories: Advisories = field(default_factory=Advisories)
    chat: Chat = field(default_factory=Chat)
    maintenance: Maintenance = field(default_factory=Maintenance)
    escape: Escape = field(default_factory=Escape)
    fetch: Fetch = field(default_factory=Fetch)
    pictures: Pictures = field(default_factory=Pictures)
    journal: JournalSettings = field(default_factory=JournalSettings)
    retention: Retention = field(default_factory=Retention)
    watch: Watch = field(default_factory=Watch)
    network: Network = field(default_factory=Network)
    listen: Listen = field(default_factory=Listen)
    audit: Audit = field(default_factory=Audit)
    accounts: Accounts = field(default_factory=Accounts)
    oidc: Oidc = field(default_factory=Oidc)

    @property
    def content_dir(self) -> Path:
        """The folder with `rules/` and `playbooks/`.

        Raises:
            SettingsError: the folder that was set has no `rules/` in it.
        """
        if self.content:
            chosen = Path(self.content)
            if not (chosen / "rules").is_dir():
                raise SettingsError(f"content = '{chosen}': there is no folder 'rules' in it")
            return chosen
        package = Path(__file__).resolve().parent
        own = package.parent
        return own if (own / "rules").is_dir() else package / "content"


def load_settings(
    data: Path,
    *,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Read the settings of one installation.

    Args:
        data: the installation's folder; need not exist yet.
        environ: the environment, `os.environ` when None.
        overrides: top-level values that a command line gave; None values are passed over.

    Raises:
        SettingsError: the file is not TOML, or a name or value is wrong; tells which.
    """
    file = data / "citywatch.toml"
    raw: dict[str, Any] = {}
    if file.exists():
        try:
            raw = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{file}: {error}") from error
    _merge_environment(raw, os.environ if environ is None else environ)
    raw.update({name: value for name, value in (overrides or {}).items() if value is not None})
    raw["data"] = str(data.resolve())
    _refuse_unknown(raw, str(file))
    try:
        return msgspec.convert(raw, Settings, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{file}: {error}") from error


def _path(kind: type, value: Any) -> Any:
    return kind(value) if kind is Path else value


_SECTIONS: dict[str, type] = {
    "elastic": Elastic,
    "mail": Mail,
    "webhook": Webhook,
    "telegram": Telegram,
    "blocking": Blocking,
    "lookup": LookUp,
    "handover": Handover,
    "advisories": Advisories,
    "chat": Chat,
    "maintenance": Maintenance,
    "escape": Escape,
    "fetch": Fetch,
    "pictures": Pictures,
    "journal": JournalSettings,
    "retention": Retention,
    "watch": Watch,
    "network": Network,
    "listen": Listen,
    "audit": Audit,
    "accounts": Accounts,
    "oidc": Oidc,
}


_LISTS = frozenset(
    {
        *("inputs", "interfaces", "never", "second_factor", "scopes", "mail_to", "morning_to", "senders"),
        *("syslog_udp", "syslog_tcp", "syslog_tls", "netflow", "sflow", "allowed"),
        *("schemes", "http"),
    }
)
"""Settings that an environment variable gives with commas between."""


def _names(kind: type) -> set[str]:
    return {item.name for item in fields(kind)}


def _merge_environment(raw: dict[str, Any], environ: Mapping[str, str]) -> None:
    for name in ("store", "content", "organisation", "timezone"):
        if f"CITYWATCH_{name.upper()}" in environ:
            raw[name] = environ[f"CITYWATCH_{name.upper()}"]
    for section, kind in _SECTIONS.items():
        for item in _names(kind):
            value = environ.get(f"CITYWATCH_{section}_{item}".upper())
            if value is not None:
                raw.setdefault(section, {})[item] = value.split(",") if item in _LISTS else value


def _refuse_unknown(raw: dict[str, Any], file: str) -> None:
    _refuse_names(raw, _names(Settings), file, "")
    for section, kind in _SECTIONS.items():
        if section not in raw:
            continue
        if not isinstance(raw[section], dict):
            raise SettingsError(f"{file}: '{section}' is a section: write [{section}]")
        _refuse_names(raw[section], _names(kind), file, f"{section}.")


def _refuse_names(given: Mapping[str, Any], known: set[str], file: str, prefix: str) -> None:
    for name in given:
        if name not in known:
            choices = ", ".join(sorted(known - {"data"}))
            raise SettingsError(f"{file}: there is no setting '{prefix}{name}'; known: {choices}")
