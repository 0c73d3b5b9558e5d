"""What runs inside the cage? Templates of playbooks, and nothing else.

A process of its own, started with this file alone: it knows nothing of the rest of the house. It reads
requests from its standard input and answers on its standard output, each a length (4 bytes, big-endian) and
JSON. Memory, processor time, files and output are limited; the sandbox keeps attribute walks out.
"""

from __future__ import annotations

import json
import resource
import struct
import sys
from typing import Any, BinaryIO

from jinja2 import ChainableUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

MEMORY = 256 * 1024 * 1024
CPU_S = 2
OUTPUT = 256 * 1024
REQUEST = 8 * 1024 * 1024


class TooLong(Exception):  # noqa: N818 - a state of the answer
    """The text grew over the limit."""


def main(read_from: BinaryIO, write_to: BinaryIO) -> None:
    """Answer requests until the input ends."""
    environment = ImmutableSandboxedEnvironment(
        autoescape=False, undefined=ChainableUndefined, trim_blocks=True, lstrip_blocks=True, cache_size=200
    )
    _shut()
    while head := read_from.read(4):
        size = struct.unpack(">I", head)[0]
        if size > REQUEST:
            return
        _more_time()
        answer = _answer(environment, read_from.read(size))
        write_to.write(struct.pack(">I", len(answer)) + answer)
        write_to.flush()


def _shut() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _more_time() -> None:
    """Allow this much processor time from now; the kernel ends the process that takes more."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + CPU_S
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _answer(environment: ImmutableSandboxedEnvironment, raw: bytes) -> bytes:
    try:
        request = json.loads(raw)
        texts = {
            name: _render(environment, text, request["scope"]) for name, text in request["texts"].items()
        }
        return json.dumps({"texts": texts}).encode()
    except MemoryError:
        return b'{"error": "it needs more memory than a template may have"}'
    except TooLong:
        return b'{"error": "its text is longer than 256 KiB"}'
    except RecursionError:
        return b'{"error": "it is nested too deep"}'
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        return json.dumps({"error": f"{type(error).__name__}: {error}"[:500]}).encode()


def _render(environment: ImmutableSandboxedEnvironment, text: str, scope: dict[str, Any]) -> str:
    parts: list[str] = []
    size = 0
    for part in environment.from_string(text).generate(scope):
        size += len(part)
        if size > OUTPUT:
            raise TooLong
        parts.append(part)
    return "".join(parts)


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
