"""Does the wheel work outside the repository, with nothing but what it asks for?"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(command: list[str | Path], cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(cwd), "LANG": "C.UTF-8", **more}
    return subprocess.run(
        command, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=280
    )


@pytest.fixture(scope="module")
def bin_of_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a fresh environment in which only the wheel was installed, with sigma-cli."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=280)
    wheel = next(folder.glob("citywatch-*.whl"))
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True, timeout=120)
    install = [
        str(folder / "venv" / "bin" / "pip"),
        "install",
        "-q",
        "-c",
        str(ROOT / "constraints.txt"),
        f"{wheel}[sigma-cli]",
    ]
    subprocess.run(install, check=True, capture_output=True, timeout=280)
    return folder / "venv" / "bin"


def test_the_rules_and_playbooks_come_with_the_wheel(bin_of_wheel: Path, tmp_path: Path) -> None:
    said = run([bin_of_wheel / "citywatch", "rules", "list", "--json"], tmp_path)
    rules = [json.loads(line) for line in said.stdout.splitlines()]
    own = list((ROOT / "rules" / "sigma").rglob("*.yml"))
    assert said.stderr == ""
    assert len(rules) >= len(own) >= 12
    said = run([bin_of_wheel / "citywatch", "playbooks", "check"], tmp_path)
    assert said.returncode == 0, said.stderr
    made = run([bin_of_wheel / "citywatch", "init", "--data", "here"], tmp_path)
    assert made.returncode == 0, made.stderr
    examined = run([bin_of_wheel / "citywatch", "doctor", "--data", "here", "--json"], tmp_path)
    states = {json.loads(line)["what"]: json.loads(line)["state"] for line in examined.stdout.splitlines()}
    assert examined.returncode == 0, examined.stdout
    assert states["rules"] == states["playbooks"] == states["store"] == "well"


def test_sigma_cli_finds_our_pipeline(bin_of_wheel: Path, tmp_path: Path) -> None:
    rule = tmp_path / "rule.yml"
    rule.write_text(
        "title: Shell in a query\n"
        "id: 1c1f2f5e-6a3b-4d6e-9b52-6a1d8c3d2f10\n"
        "status: test\n"
        "logsource: {category: webserver}\n"
        "detection:\n  s: {cs-uri-query|contains: 'cmd='}\n  condition: s\n"
    )
    said = run(
        [bin_of_wheel / "sigma", "convert", "-t", "lucene", "-p", "citywatch", rule], tmp_path, TERM="dumb"
    )
    assert said.returncode == 0, said.stderr
    assert "url.query:*cmd\\=*" in said.stdout
    assert "event.dataset" in said.stdout, "the logsource is part of the query"
