"""Is everything that is sent over real sockets taken, held back, refused or counted?"""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path

import pytest
import trustme

from citywatch.errors import SettingsError
from sensors.arrive.place import Counts, Limits, endpoint, tls_context
from sensors.arrive.receiver import Receiver
from tests.sensors.arrive.senders import connect, datagrams, eventually, port_of, receiving, take


def counts(receiver: Receiver) -> Counts:
    (found,) = receiver.counts.values()
    return found


def closed(connection: socket.socket) -> bool:
    """The other side has hung up."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_datagrams_are_taken_with_their_sender() -> None:
    with receiving("udp") as receiver:
        datagrams(receiver, [b"<34>one\n", b"<34>two\0"], source="127.0.0.9")
        eventually(lambda: receiver.waiting == 2, "both")
        assert [(each.data, each.sender) for each in receiver.take(9)] == [
            (b"<34>one", "127.0.0.9"),
            (b"<34>two", "127.0.0.9"),
        ]
        receiver.done(2)
        assert counts(receiver) == Counts(messages=2)


def test_streams_of_both_kinds_are_taken_and_a_last_line_without_end_too() -> None:
    with receiving() as receiver:
        with connect(receiver) as sender:
            sender.sendall(b"<34>one\n7 <34>two<34>three")
        assert take(receiver, 3) == [b"<34>one", b"<34>two", b"<34>three"]
        eventually(lambda: counts(receiver).connections == 0, "hung up")


def test_who_is_not_allowed_is_turned_away_and_counted() -> None:
    allowed = Limits(allowed=("127.0.0.8/30",))
    with receiving("udp", allowed) as receiver:
        datagrams(receiver, [b"<1>no"], source="127.0.0.1")
        datagrams(receiver, [b"<1>yes"], source="127.0.0.9")
        assert take(receiver, 1) == [b"<1>yes"]
        assert counts(receiver).refused == 1
    with receiving("tcp", allowed) as receiver:
        with connect(receiver) as sender:
            assert closed(sender)
        with connect(receiver, "127.0.0.9") as sender:
            sender.sendall(b"<1>yes\n")
            assert take(receiver, 1) == [b"<1>yes"]
        assert counts(receiver).refused == 1


def test_a_stream_is_held_back_while_nobody_takes_and_nothing_of_it_is_lost() -> None:
    total = 60_000
    lines = [b"<13>line %06d %s\n" % (number, b"x" * 200) for number in range(total)]
    with receiving("tcp", Limits(most_held=1000)) as receiver, connect(receiver) as sender:
        sender.setblocking(False)  # noqa: FBT003 - the socket's own way
        data, sent = memoryview(b"".join(lines)), 0
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline and sent < len(data):
            try:
                sent += sender.send(data[sent : sent + 65_536])
            except BlockingIOError:
                time.sleep(0.02)
        assert receiver.full
        assert receiver.waiting < 5000
        assert sent < len(data), "the sender was not held back"
        found: list[bytes] = []
        while len(found) < total:
            batch = receiver.take(1000)
            found += [message.data for message in batch]
            receiver.done(len(batch))
            while sent < len(data):
                try:
                    sent += sender.send(data[sent : sent + 65_536])
                except BlockingIOError:
                    break
        assert found == [line.rstrip() for line in lines]


def test_datagrams_that_the_kernel_drops_are_counted() -> None:
    with receiving("udp", Limits(most_held=50, receive_mib=1)) as receiver:
        datagrams(receiver, [b"<13>%d " % number + b"x" * 1000 for number in range(6000)])
        eventually(lambda: counts(receiver).kernel_dropped > 0, "drops")
        found = 0
        while batch := _more(receiver):
            found += len(batch)
            receiver.done(len(batch))
        eventually(lambda: found + counts(receiver).kernel_dropped == 6000, "the sum")


def _more(receiver: Receiver) -> list[object]:
    """What comes within a moment."""
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        batch = receiver.take(1000)
        if batch:
            return list(batch)
        time.sleep(0.01)
    return []


def test_who_never_ends_a_message_is_closed_and_others_go_on() -> None:
    with (
        receiving("tcp", Limits(open_s=0.4)) as receiver,
        connect(receiver) as slow,
        connect(receiver) as good,
    ):
        slow.sendall(b"<1>never")
        begin = time.monotonic()
        while time.monotonic() - begin < 5 and counts(receiver).too_slow == 0:
            good.sendall(b"<1>line\n")
            try:
                slow.sendall(b"x")
            except OSError:
                break
            time.sleep(0.1)
        eventually(lambda: counts(receiver).too_slow == 1, "closed")
        good.sendall(b"<1>still here\n")
        eventually(lambda: b"<1>still here" in [each.data for each in receiver.take(999)], "the other")


def test_who_is_silent_for_long_is_closed() -> None:
    with receiving("tcp", Limits(idle_s=0.2, open_s=2)) as receiver, connect(receiver) as sender:
        assert closed(sender)
        assert counts(receiver).too_slow == 1


def test_connections_are_bounded_in_all_and_for_each_sender() -> None:
    with receiving("tcp", Limits(most_connections=3, most_per_sender=2)) as receiver:
        held = [connect(receiver), connect(receiver)]
        eventually(lambda: counts(receiver).connections == 2, "two")
        with connect(receiver) as third:
            assert closed(third)
        held.append(connect(receiver, "127.0.0.9"))
        eventually(lambda: counts(receiver).connections == 3, "three")
        with connect(receiver, "127.0.0.10") as fourth:
            assert closed(fourth)
        assert counts(receiver).too_many == 2
        held.pop().close()
        eventually(lambda: counts(receiver).connections == 2, "one left")
        with connect(receiver, "127.0.0.10") as again:
            again.sendall(b"<1>in\n")
            assert take(receiver, 1) == [b"<1>in"]
        for each in held:
            each.close()


def test_long_and_cut_off_messages_are_counted() -> None:
    with receiving("tcp", Limits(longest=20)) as receiver:
        with connect(receiver) as sender:
            sender.sendall(b"<1>" + b"x" * 100 + b"\n50 <1>cut")
        assert take(receiver, 1) == [b"<1>" + b"x" * 17]
        eventually(lambda: counts(receiver).cut_off == 1, "cut off")
        assert counts(receiver).too_long == 1
    with receiving("udp", Limits(longest=20)) as receiver:
        datagrams(receiver, [b"<1>" + b"x" * 100])
        assert take(receiver, 1) == [b"<1>" + b"x" * 17]
        assert counts(receiver).too_long == 1


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def client_context(authority: trustme.CA, certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if certificate:
        certificate.configure_cert(context)
    return context


def server_files(authority: trustme.CA, folder: Path) -> tuple[str, str]:
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "own.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return str(folder / "own.pem"), str(folder / "ca.pem")


def test_tls_carries_messages_and_plain_text_is_no_handshake(authority: trustme.CA, tmp_path: Path) -> None:
    own, _ = server_files(authority, tmp_path)
    with receiving("tls", tls=tls_context(own, "")) as receiver:
        wrapped = client_context(authority).wrap_socket(connect(receiver), server_hostname="127.0.0.1")
        with wrapped:
            wrapped.sendall(b"7 <34>one<34>two\n")
            assert take(receiver, 2) == [b"<34>one", b"<34>two"]
        with connect(receiver) as plain:
            plain.sendall(b"<34>in the clear\n")
            plain.recv(100)
        eventually(lambda: counts(receiver).no_handshake == 1, "no handshake")
        assert receiver.waiting == 0


def talks(context: ssl.SSLContext, receiver: Receiver) -> bool:
    """This client gets as far as sending something that is not answered by hanging up."""
    try:
        with context.wrap_socket(connect(receiver), server_hostname="127.0.0.1") as sender:
            sender.sendall(b"7 <34>two")
            sender.settimeout(5)
            return sender.recv(1) != b""
    except (ssl.SSLError, ConnectionError):
        return False


def test_with_an_authority_of_clients_only_their_certificates_are_believed(
    authority: trustme.CA, tmp_path: Path
) -> None:
    own, ca = server_files(authority, tmp_path)
    with receiving("tls", tls=tls_context(own, "", ca)) as receiver:
        known = client_context(authority, authority.issue_cert("sender.test"))
        with known.wrap_socket(connect(receiver), server_hostname="127.0.0.1") as sender:
            sender.sendall(b"7 <34>one")
            assert take(receiver, 1) == [b"<34>one"]
        for certificate in (None, trustme.CA().issue_cert("sender.test")):
            assert not talks(client_context(authority, certificate), receiver)
        eventually(lambda: counts(receiver).no_handshake == 2, "both were turned away")
        assert receiver.waiting == 0


def test_a_place_that_cannot_be_had_is_told() -> None:
    with receiving("tcp") as receiver, pytest.raises(SettingsError, match="another program listens there"):
        Receiver([endpoint("tcp", f"127.0.0.1:{port_of(receiver)}")], Limits())
    with pytest.raises(SettingsError, match="no such address"):
        Receiver([endpoint("udp", "192.0.2.1:0")], Limits())


def test_what_was_read_before_the_end_can_still_be_taken() -> None:
    with receiving("udp") as receiver:
        datagrams(receiver, [b"<1>a", b"<1>b"])
        receiver.stop_reading()
        assert take(receiver, 2) == [b"<1>a", b"<1>b"]
