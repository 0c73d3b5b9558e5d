"""Who registered a domain or holds an address, by the RDAP server that the settings name?

RDAP (RFC 9082, 9083) is what WHOIS became. Without a server nothing is asked, and the step says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final, cast
from urllib.parse import quote

import orjson

from citywatch.errors import ActionFailed
from citywatch.ports import Effect, Order
from citywatch.respond.post import NotSent, Reach, send
from citywatch.settings import LookUp

_GONE: Final = 404
_GOOD: Final = range(200, 300)
_TEMPORARY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_DEEPEST: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpRdap:
    """`lookup.rdap`: `value` (a domain or an address); gives registrar, dates, state and abuse contacts."""

    settings: LookUp

    name: str = "lookup.rdap"
    effect: Effect = "read_only"
    repeats_safely: bool = True
    remote: bool = True

    def act(self, order: Order) -> Mapping[str, Any]:
        value = str(order.inputs.get("value") or "").strip().strip(".")[:253]
        mine = self.settings
        if not value or not mine.rdap_url:
            return {"found": {}, "note": "not asked: no value, or no server (settings: [lookup] rdap_url)"}
        url = f"{mine.rdap_url.rstrip('/')}/{_path(value)}"
        reach = Reach(
            allow_private=mine.allow_private, allow_loopback=mine.allow_loopback, timeout_s=mine.timeout_s
        )
        headers = {"Accept": "application/rdap+json", "User-Agent": "CityWatch"}
        try:
            answer = send(url, b"", headers, reach, method="GET")
        except (NotSent, OSError) as error:
            raise ActionFailed(self.name, str(error)[:300]) from error
        if answer.status == _GONE:
            return {"found": {}, "exists": False, "note": f"{value} is not registered there"}
        if answer.status not in _GOOD:
            again = answer.status in _TEMPORARY
            raise ActionFailed(self.name, f"the server answered {answer.status}", again=again)
        return self._read(value, answer.body)

    def _read(self, value: str, body: bytes) -> Mapping[str, Any]:
        try:
            loaded: object = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ActionFailed(self.name, f"the answer is not JSON: {error.msg}", again=False) from error
        found = read_rdap(loaded)
        told = "; ".join(f"{name} {held}" for name, held in found.items() if isinstance(held, str) and held)
        return {"found": found, "exists": True, "note": f"{value}: {told or 'nothing told'}"[:500]}


def _path(value: str) -> str:
    try:
        return f"ip/{ip_address(value)}"
    except ValueError:
        pass
    try:
        name = value.encode("idna").decode("ascii")
    except UnicodeError:
        name = value
    return f"domain/{quote(name, safe='.-')}"


def read_rdap(loaded: object) -> dict[str, Any]:
    """What an answer says, as plain texts; whatever is not as the standard has it is passed over."""
    whole = _node(loaded)
    dates = {
        _text(one.get("eventAction")): _text(one.get("eventDate")) for one in _nodes(whole.get("events"))
    }
    people = list(_people(whole, 0))
    return {
        "name": _text(whole.get("ldhName")) or _text(whole.get("name")),
        "holder": next((name for roles, name, _ in people if "registrant" in roles), ""),
        "registrar": next((name for roles, name, _ in people if "registrar" in roles), ""),
        "registered": dates.get("registration", ""),
        "expires": dates.get("expiration", ""),
        "country": _text(whole.get("country")),
        "state": [_text(one) for one in _list(whole.get("status"))][:10],
        "abuse": sorted({mail for roles, _, mail in people if "abuse" in roles and mail})[:5],
    }


def _people(node: Mapping[str, Any], depth: int) -> Iterator[tuple[set[str], str, str]]:
    """Roles, name and mail address of each entity, those inside others too."""
    for one in _nodes(node.get("entities"))[:50]:
        shape = _list(one.get("vcardArray"))  # ["vcard", [[name, parameters, type, value], …]]
        card = [_list(row) for row in _list(shape[1] if len(shape) > 1 else None)]
        told = {_text(row[0]): _text(row[3]) for row in card if len(row) > 3}  # noqa: PLR2004 - jCard: name, parameters, type, value
        yield {_text(role) for role in _list(one.get("roles"))}, told.get("fn", ""), told.get("email", "")
        if depth < _DEEPEST:
            yield from _people(one, depth + 1)


def _node(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _nodes(value: object) -> list[Mapping[str, Any]]:
    return [_node(one) for one in _list(value)]


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _text(value: object) -> str:
    return value.strip()[:200] if isinstance(value, str) else ""
