"""Are settings read, merged and refused as the guide says?"""

from __future__ import annotations

from pathlib import Path

import pytest

from citywatch.errors import SettingsError
from citywatch.settings import Settings, load_settings
from console.installation import TEMPLATE


def test_an_installation_without_a_file_stands_at_its_defaults(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, environ={})
    assert settings == Settings(data=tmp_path.resolve())


def test_options_win_over_the_environment_and_the_environment_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "citywatch.toml").write_text(
        'store = "sqlite:a"\norganisation = "A"\n[mail]\nport = 26\nhost = "a"\n'
    )
    settings = load_settings(
        tmp_path,
        environ={"CITYWATCH_STORE": "sqlite:b", "CITYWATCH_MAIL_PORT": "27", "CITYWATCH_WATCH_INPUTS": "a,b"},
        overrides={"store": "sqlite:c", "content": None},
    )
    assert (settings.store, settings.organisation) == ("sqlite:c", "A")
    assert (settings.mail.host, settings.mail.port) == ("a", 27)
    assert settings.watch.inputs == ("a", "b")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("stoer = 1", "there is no setting 'stoer'"),
        ("[mail]\nhots = 'a'", "there is no setting 'mail.hots'"),
        ("mail = 3", "'mail' is a section: write [mail]"),
        ("[mail]\nport = 'many'", "mail.port"),
        ("store = 1 2", "line 1"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "citywatch.toml").write_text(text)
    with pytest.raises(SettingsError, match=r".") as caught:
        load_settings(tmp_path, environ={})
    assert told in str(caught.value)
    assert "citywatch.toml" in str(caught.value)


def test_a_content_folder_without_rules_is_refused(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, environ={}, overrides={"content": str(tmp_path)})
    with pytest.raises(SettingsError, match="no folder 'rules'"):
        _ = settings.content_dir


def test_the_template_explains_every_setting_and_its_defaults_are_true(tmp_path: Path) -> None:
    lines = TEMPLATE.read_text(encoding="utf-8").splitlines()
    (tmp_path / "citywatch.toml").write_text(
        "\n".join(line.removeprefix("# ") if " = " in line else line for line in lines)
    )
    settings = load_settings(tmp_path, environ={})
    defaults = Settings(data=tmp_path.resolve())
    shown_as_examples = {
        "store",
        "mail.host",
        "mail.sender",
        "webhook.url",
        "elastic.ca_file",
        "elastic.user",
        "watch.inputs",
    }
    text = "\n".join(lines)
    for section in ("elastic", "mail", "webhook", "fetch", "journal", "retention", "watch"):
        for name in getattr(defaults, section).__dataclass_fields__:
            assert f"# {name} = " in text, f"[{section}] {name} is not in the template"
            if f"{section}.{name}" not in shown_as_examples:
                assert getattr(getattr(settings, section), name) == getattr(getattr(defaults, section), name)
    for name in ("store", "content", "organisation", "timezone"):
        assert f"# {name} = " in text
