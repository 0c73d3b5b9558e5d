"""Does the real `sigma` command convert rules to queries for our events?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SIGMA = Path(sys.executable).with_name("sigma")
RULE = """title: A
id: 5c1d7a34-0b1e-4c33-9f0b-6f6e1d2a9a10
status: test
description: a test
logsource: {category: webserver}
detection:
  a: {cs-uri-query|contains: union, c-ip|startswith: '192.168.', c-ip|cidr: 10.0.0.0/8}
  condition: a
"""

pytestmark = pytest.mark.skipif(
    not SIGMA.is_file(), reason="sigma-cli is not installed: pip install -e .[sigma-cli]"
)


def convert(rule: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = folder / "rule.yml"
    path.write_text(rule, "utf-8")
    # In another folder than the repository: the installed piece must be found, not the one beside us.
    return subprocess.run(
        [SIGMA, "convert", "-t", "lucene", "-p", "citywatch", str(path)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_fields_and_logsource_become_ours(tmp_path: Path) -> None:
    done = convert(RULE, tmp_path)
    assert done.stdout.strip() == (
        "(event.dataset:(web.access OR network.http)) AND "
        "(url.query:*union* AND source.ip.text:192.168.* AND source.ip:10.0.0.0\\/8)"
    )


def test_a_logsource_of_two_channels_becomes_alternatives(tmp_path: Path) -> None:
    rule = RULE.replace("{category: webserver}", "{product: windows, category: process_creation}")
    rule = (
        rule.replace("cs-uri-query", "CommandLine")
        .replace("c-ip|startswith", "User")
        .replace("c-ip|cidr", "Image")
    )
    done = convert(rule, tmp_path)
    assert done.stdout.startswith(
        "((winlog.channel:microsoft\\-windows\\-sysmon\\/operational AND event.code:1) OR "
        "(winlog.channel:security AND event.code:4688)) AND (process.command_line:*union*"
    )


def test_an_unknown_field_is_refused_with_its_name(tmp_path: Path) -> None:
    done = convert(RULE.replace("cs-uri-query", "url.paht"), tmp_path)
    assert done.returncode != 0
    assert "field 'url.paht' is not in the event schema; did you mean 'url.path'?" in done.stderr
