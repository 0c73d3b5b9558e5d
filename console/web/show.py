"""How does a page come out: templates, times, numbers, words?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from citywatch.clock import parse_stamp
from citywatch.model import Severity
from console.web import words

HERE = Path(__file__).parent
STATIC = HERE / "static"


@cache
def static_url(name: str) -> str:
    """The address of a file of ours, with its content's hash: it may be cached for good."""
    digest = sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


def local(text: str, zone: str) -> datetime | None:
    """A stored time in the zone of the city; None when there is none."""
    try:
        return parse_stamp(text).astimezone(ZoneInfo(zone))
    except ValueError:
        return None


def when(text: str, zone: str, form: str = "%d/%m/%Y %H:%M:%S") -> Markup:
    """A stored time as people here write it, readable by machines too.

    >>> str(when("2026-11-22T08:05:00.000000Z", "Asia/Ho_Chi_Minh", "%d/%m %H:%M:%S"))
    '<time datetime="2026-11-22T15:05:00+07:00" title="22/11/2026 15:05:00 +07">22/11 15:05:00</time>'
    """
    moment = local(text, zone)
    if moment is None:
        return Markup("–")
    whole = moment.strftime("%d/%m/%Y %H:%M:%S %Z")
    iso = moment.isoformat(timespec="seconds")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(iso, whole, moment.strftime(form))


def number(value: int, language: str) -> str:
    """A number with the language's thousands mark.

    >>> number(1234567, "vi"), number(1234567, "en")
    ('1.234.567', '1,234,567')
    """
    text = f"{value:,}"
    return text.replace(",", ".") if language == "vi" else text


def counted(value: int, most: int, language: str) -> str:
    """A count that ended at `most`.

    >>> counted(999, 1000, "en"), counted(1000, 1000, "en")
    ('999', '1,000+')
    """
    return number(value, language) + ("+" if value >= most else "")


def size(value: int) -> str:
    """Bytes for people.

    >>> size(512), size(34_000), size(7_340_032)
    ('512 B', '33.2 KiB', '7.0 MiB')
    """
    amount = float(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:  # noqa: PLR2004 - a kibi
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def span(seconds: float) -> str:
    """How long, in the two largest units.

    >>> span(59), span(3700), span(-90000)
    ('59s', '1h 1m', '-1d 1h')
    """
    whole = timedelta(seconds=abs(int(seconds)))
    hours, rest = divmod(whole.seconds, 3600)
    minutes, left = divmod(rest, 60)
    parts = ((whole.days, "d"), (hours, "h"), (minutes, "m"), (left, "s"))
    shown = [f"{amount}{unit}" for amount, unit in parts if amount][:2] or ["0s"]
    return ("-" if seconds < 0 else "") + " ".join(shown)


def severity_name(value: int) -> str:
    """The name of a severity number.

    >>> severity_name(3)
    'high'
    """
    return Severity(value).name


def link(path: str, **values: object) -> str:
    """A local address with a query; empty values are left out.

    >>> link("/alerts", q="severity:high", state="")
    '/alerts?q=severity%3Ahigh'
    """
    query = urlencode({name: value for name, value in values.items() if value not in ("", None)})
    return f"{path}?{query}" if query else path


def pivot(field: str, value: object) -> str:
    r"""The query that finds events with this value.

    >>> pivot("url.path", 'a "b"')
    'url.path:"a \\"b\\""'
    """
    text = str(value)
    if isinstance(value, bool | int | float):
        return f"{field}:{text.lower() if isinstance(value, bool) else text}"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("*", "\\*").replace("?", "\\?")
    return f'{field}:"{escaped}"'


@cache
def environment(language: str, zone: str) -> Environment:
    """The templates of one language."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
    )
    texts = words.catalogue(language)
    cast("Any", made).install_gettext_translations(texts, newstyle=True)  # the i18n extension adds it
    filters: dict[str, Any] = {
        "when": partial(when, zone=zone),
        "when_short": partial(when, zone=zone, form="%d/%m %H:%M:%S"),
        "number": partial(number, language=language),
        "counted": partial(counted, language=language),
        "size": size,
        "span": span,
        "severity": severity_name,
        "change": partial(words.change_words, language),
        "evidence": lambda what: words.evidence(language, what),  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType] - called by templates
        "say": lambda code, kind: words.say(language, kind, code),  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType] - called by templates
    }
    cast("dict[str, Any]", made.filters).update(filters)
    own: dict[str, Any] = {"static_url": static_url, "link": link, "pivot": pivot, "language": language}
    cast("dict[str, Any]", made.globals).update(own)
    return made


def render(language: str, zone: str, template: str, context: Mapping[str, Any]) -> str:
    """Fill one template."""
    return environment(language, zone).get_template(template).render(context)
