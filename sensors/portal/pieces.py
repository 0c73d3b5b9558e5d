"""What of a look is kept as evidence?

The body of every page that is new or changed; of one that is not quiet also its headers, the text that people
read, and the certificates that were shown.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sensors.portal.baseline import Baseline
from sensors.portal.confirm import troubles_of
from sensors.portal.look import Look

_MOST_TEXT = 500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Bytes to be kept, and what they are."""

    what: str
    media_type: str
    raw: bytes


def parts_of(look: Look, *, everything: bool = False) -> Iterator[Part]:
    """The parts of a look that are to be kept.

    Args:
        look: one page in one view.
        everything: also bodies and headers of quiet changes, for an archive.
    """
    fetched = look.fetched
    if look.unchanged or not fetched.status:
        return
    grave = bool(troubles_of(look) or look.unconfirmed)
    news = look.difference is None or bool(look.difference.changed)
    if fetched.body and (grave or news or everything):
        yield Part(what="page", media_type=fetched.header("Content-Type") or "text/html", raw=fetched.body)
    if grave or everything:
        yield Part(what="response_headers", media_type="text/plain", raw=_head(look))
    if grave and look.page is not None and look.page.text:
        text = f"{look.page.title}\n\n{look.page.text}"[:_MOST_TEXT]
        yield Part(
            what="page_text", media_type="text/plain; charset=utf-8", raw=text.encode("utf-8", "replace")
        )
    problem = fetched.certificate.problem if fetched.certificate is not None else ""
    if fetched.chain and (grave or problem):
        pem = "".join(map(ssl.DER_cert_to_PEM_cert, fetched.chain))
        yield Part(what="certificate_chain", media_type="application/x-pem-file", raw=pem.encode())


def _head(look: Look) -> bytes:
    """Status line and headers as they came, bounded by the fetch."""
    fetched = look.fetched
    lines = [f"HTTP/1.1 {fetched.status}", *(f"{name}: {value}" for name, value in fetched.headers)]
    return "\r\n".join(line.replace("\r", " ").replace("\n", " ") for line in lines).encode(
        "utf-8", "replace"
    )


def with_body(look: Look, kept: str) -> Look:
    """The look, whose face knows which kept body shows it."""
    if not kept or look.face is None or not look.quiet:
        return look
    return replace(look, face=replace(look.face, body=kept))


def before_of(look: Look, baseline: Baseline | None) -> dict[str, str]:
    """For what is not quiet: the kept body of the page as it was."""
    if look.quiet or baseline is None:
        return {}
    face = baseline.face(look.path, look.view)
    return {"page_before": face.body} if face is not None and face.body else {}
