"""Is a channel told by the real Apprise, and only by a scheme that is let?"""

from __future__ import annotations

import pytest

from citywatch.errors import ActionFailed
from citywatch.settings import Chat
from responders.chat import NotifyChat
from tests.responders.conftest import JsonReceiver, an_order

pytest.importorskip("apprise")


@pytest.mark.filterwarnings("ignore")
def test_a_channel_of_the_settings_gets_title_and_text(tool: JsonReceiver) -> None:
    channels = {"truc": tool.url.replace("http://", "json://"), "shell": "syslog://"}
    chat = NotifyChat(settings=Chat(channels=channels, schemes=("json",)))
    assert chat.act(an_order("notify.chat", to="truc", subject="Cổng A", text="đổi <b>giao diện</b>"))["sent"]
    _, _, body = tool.got[0]
    assert (body["title"], body["message"]) == ("Cổng A", "đổi <b>giao diện</b>")
    with pytest.raises(ActionFailed, match="scheme 'syslog' is not in"):
        chat.act(an_order("notify.chat", to="shell"))
    with pytest.raises(ActionFailed, match="no channel 'json://x'"):
        chat.act(an_order("notify.chat", to="json://x"))
    tool.status = 500
    with pytest.raises(ActionFailed, match="did not take it"):
        chat.act(an_order("notify.chat", to="truc", text="x"))
    assert NotifyChat(settings=Chat()).act(an_order("notify.chat", to="truc"))["sent"] is False
