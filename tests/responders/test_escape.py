"""Are the escape hatches shut by default, and when open, no wider than the settings say?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citywatch.errors import ActionFailed
from citywatch.settings import Escape
from responders.escape import RunCommand, SendRequest, allowed
from tests.responders.conftest import JsonReceiver, an_order

COMMANDS: dict[str, tuple[str, ...]] = {"echo": ("/bin/echo", "said:"), "slow": ("/bin/sleep", "5")}
SHELL = RunCommand(settings=Escape(commands=COMMANDS, timeout_s=0.3))


def test_both_are_off_by_default() -> None:
    with pytest.raises(ActionFailed, match="not in the settings"):
        RunCommand(settings=Escape()).act(an_order("shell.run", command="echo"))
    with pytest.raises(ActionFailed, match="not let by"):
        SendRequest(settings=Escape()).act(an_order("http.request", url="https://a.vn/"))
    assert (SHELL.effect, SendRequest(settings=Escape()).effect) == ("change", "change")


def test_arguments_are_arguments_and_never_a_shell() -> None:
    done = SHELL.act(an_order("shell.run", command="echo", arguments=["a; rm -rf /", "$(id)", "`id`"]))
    assert done["output"] == "said: a; rm -rf / $(id) `id`\n"
    for wrong in (["--help"], ["a\nb"], ["a\0b"], ["x"] * 21):
        with pytest.raises(ActionFailed):
            SHELL.act(an_order("shell.run", command="echo", arguments=wrong))
    with pytest.raises(ActionFailed, match="took longer"):
        SHELL.act(an_order("shell.run", command="slow"))
    with pytest.raises(ActionFailed, match="not in the settings"):
        SHELL.act(an_order("shell.run", command="/bin/sh"))


def test_a_request_goes_only_where_it_is_let(tool: JsonReceiver) -> None:
    act = SendRequest(settings=Escape(http=(f"{tool.url}/api/",), allow_loopback=True)).act
    assert act(an_order("http.request", url=f"{tool.url}/api/x", method="post", json="{}"))["status"] == 200
    for url in (
        f"{tool.url}/",
        f"{tool.url}/api/../x",
        "http://127.0.0.1:1/api/",
        f"{tool.url}/api/%2e%2e/x",
    ):
        with pytest.raises(ActionFailed, match="not let by"):
            act(an_order("http.request", url=url))
    shut = SendRequest(settings=Escape(http=(f"{tool.url}/api/",))).act
    with pytest.raises(ActionFailed, match="not an address"):
        shut(an_order("http.request", url=f"{tool.url}/api/x"))
    assert len(tool.got) == 1


@given(st.text(max_size=80))
def test_no_text_slips_through_the_list(text: str) -> None:
    assert not allowed(text, ["https://a.vn/api/"]) or text.lower().startswith("https://a.vn/api/")
