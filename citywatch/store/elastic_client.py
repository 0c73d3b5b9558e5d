"""How is the cluster reached, and what do its refusals mean?

The one place that imports the client, and only when a cluster is asked for (it takes a second).
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import urlsplit

import elastic_transport
import elasticsearch

from citywatch.errors import StoreError, StoreUnreachable
from citywatch.settings import Elastic

BUSY = frozenset({408, 429, 502, 503, 504})
"""The cluster cannot just now; asking again later helps."""


def connect(hosts: str, settings: Elastic) -> elasticsearch.Elasticsearch:
    """A client for `https://a:9200` or several, by commas. Nothing is sent yet."""
    secured: dict[str, Any] = {}
    if settings.ca_file:
        secured["ca_certs"] = settings.ca_file
    if settings.fingerprint:
        secured["ssl_assert_fingerprint"] = settings.fingerprint.replace(":", "")
    if settings.service_token:
        secured["bearer_auth"] = settings.service_token
    elif settings.user:
        secured["basic_auth"] = (settings.user, settings.password)
    try:
        return elasticsearch.Elasticsearch(
            [host.strip().rstrip("/") for host in hosts.split(",")],
            request_timeout=settings.timeout_s,
            max_retries=2,
            retry_on_timeout=False,
            serializer=elastic_transport.OrjsonSerializer(),
            **secured,
        )
    except (ValueError, OSError) as error:
        raise StoreError(f"store = '{shown(hosts)}': {error}") from error


def shown(hosts: str) -> str:
    """Hosts for people: without the password that a URL may hold.

    >>> shown("https://an:secret@es.hanoi.vn:9200")
    'https://es.hanoi.vn:9200'
    """
    parts = [urlsplit(host.strip()) for host in hosts.split(",")]
    return ",".join(f"{part.scheme}://{part.netloc.rpartition('@')[2]}" for part in parts)


@contextmanager
def told(hosts: str) -> Generator[None]:
    """Turn the client's errors into ours, with what to do."""
    place = shown(hosts)
    try:
        yield
    except elastic_transport.TlsError as error:
        raise StoreError(
            f"{place}: its certificate is not trusted ({error.message}); "
            "set elastic.ca_file or elastic.fingerprint"
        ) from error
    except elastic_transport.SerializationError as error:
        raise StoreError(f"this cannot be said in JSON: {error.message[:200]}") from error
    except elastic_transport.TransportError as error:
        raise StoreUnreachable(
            f"{place} does not answer ({error.message}); what is journalled waits"
        ) from error
    except elasticsearch.UnsupportedProductError as error:
        raise StoreError(f"{place}: what answers there is not Elasticsearch") from error
    except elasticsearch.ApiError as error:
        raise explained(place, error.status_code, reason_of(error.body)) from error


def explained(place: str, status: int, reason: str) -> StoreError:
    """What a status code of the cluster means for the user."""
    if status in BUSY:
        return StoreUnreachable(
            f"{place} cannot serve just now ({status}: {reason}); what is journalled waits"
        )
    hints = {
        401: "user, password or token are wrong; see [elastic] in citywatch.toml",
        403: "this user may not do that, or the cluster is out of disk; see its roles and its health",
    }
    hint = hints.get(status, "")
    return StoreError(f"{place}: {reason} ({status})" + (f"; {hint}" if hint else ""))


def reason_of(body: Any) -> str:
    """The innermost reason of an error answer.

    >>> reason_of({"error": {"root_cause": [{"type": "a", "reason": "b"}], "type": "c", "reason": "d"}})
    'a: b'
    """
    if not isinstance(body, dict) or "error" not in body:
        return str(cast("object", body))[:500]
    cause: Any = cast("Any", body)["error"]
    if isinstance(cause, dict) and "root_cause" in cause and not cast("Any", cause).get("caused_by"):
        cause = next(iter(cast("Any", cause)["root_cause"]), cast("Any", cause))
    while isinstance(cause, dict) and cast("Any", cause).get("caused_by"):
        cause = cast("Any", cause)["caused_by"]
    if not isinstance(cause, dict):
        return str(cause)[:500]
    told_of = cast("dict[str, Any]", cause)
    return f"{told_of.get('type', '')}: {told_of.get('reason', '')}"[:500]
