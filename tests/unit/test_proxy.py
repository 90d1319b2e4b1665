"""The proxy of the system tests, against a small server of its own: what passes, what is late, what is lost."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from system.proxy import AmiFraming, AriFraming, Framing, PlainFraming, Proxy
from system.weather import Weather

HOLD = b"Event: Hold\r\nUniqueid: 1.1\r\n\r\n"
MARK = b"Event: UserEvent\r\nPrivilege: user,all\r\nUserEvent: consentgate-marker\r\nActionID: 5\r\nNumber: 7\r\n\r\n"
"""As Asterisk 22.10 sends it back: with the ActionID of the action that it comes from."""


def frame(text: bytes) -> bytes:
    """A WebSocket frame as a server sends it: unmasked, final, text."""
    size = len(text)
    if size < 126:
        return bytes([0x81, size]) + text
    return bytes([0x81, 126]) + size.to_bytes(2, "big") + text


@contextlib.contextmanager
def server(*pieces: bytes) -> Iterator[tuple[str, int]]:
    """Says the pieces to whoever connects, then sends back whatever it gets."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            for piece in pieces:
                connection.sendall(piece)
            while data := connection.recv(4096):
                connection.sendall(data)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(2)


def received(connection: socket.socket, size: int) -> bytes:
    connection.settimeout(3)
    data = b""
    while len(data) < size and (more := connection.recv(size - len(data))):
        data += more
    return data


@pytest.mark.parametrize(
    ("framing", "text"),
    [
        (AmiFraming, b"Asterisk Call Manager/11.0.0\r\n" + HOLD + MARK),
        (AriFraming, b"HTTP/1.1 101 Switching\r\nA: b\r\n\r\n" + frame(b"x" * 20) + frame(b"y" * 900)),
        (AriFraming, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
    ],
)
@pytest.mark.parametrize("step", [1, 7, 5000])
def test_no_byte_is_lost_however_they_are_cut(framing: Callable[[], Framing], text: bytes, step: int) -> None:
    cutter = framing()
    whole = [one for start in range(0, len(text), step) for one in cutter.feed(text[start : start + step])]
    assert b"".join(whole) == text


def test_messages_are_found_however_they_are_cut() -> None:
    cutter = AmiFraming()
    text = HOLD + MARK
    assert [one for index in range(len(text)) for one in cutter.feed(text[index : index + 1])] == [HOLD, MARK]
    frames = AriFraming()
    assert frames.feed(b"HTTP/1.1 101 S\r\n\r\n" + frame(b"one") + frame(b"2" * 300)[:50])[1:] == [frame(b"one")]
    assert frames.feed(frame(b"2" * 300)[50:]) == [frame(b"2" * 300)]


def test_one_message_is_dropped_and_the_rest_passes() -> None:
    with server(HOLD + MARK) as upstream, Proxy(upstream, AmiFraming) as proxy:
        rule = proxy.drop("Event: Hold", times=1)
        with socket.create_connection(proxy.address) as one, socket.create_connection(proxy.address) as two:
            got = {received(one, len(MARK)), received(two, len(HOLD))}
        assert got == {MARK, HOLD}, "one connection lost its Hold, the other did not"
        assert len(rule.met) == 1


def test_what_is_held_holds_what_is_behind_it() -> None:
    with server(HOLD + MARK) as upstream, Proxy(upstream, AmiFraming) as proxy:
        proxy.hold(0.3, "Event: Hold")
        began = time.monotonic()
        with socket.create_connection(proxy.address) as connection:
            assert received(connection, len(HOLD + MARK)) == HOLD + MARK
        assert time.monotonic() - began >= 0.3


def test_a_stall_delays_and_loses_nothing() -> None:
    with (
        server() as upstream,
        Proxy(upstream, AmiFraming) as proxy,
        socket.create_connection(proxy.address) as connection,
    ):
        connection.sendall(MARK)
        assert received(connection, len(MARK)) == MARK
        with proxy.stalled():
            connection.sendall(HOLD)
            connection.settimeout(0.2)
            with pytest.raises(TimeoutError):
                connection.recv(1)
        assert received(connection, len(HOLD)) == HOLD


def test_a_cut_connection_is_reset_and_a_new_one_works() -> None:
    with server() as upstream, Proxy(upstream, AmiFraming) as proxy:
        with socket.create_connection(proxy.address) as connection:
            connection.sendall(MARK)
            received(connection, len(MARK))
            proxy.cut()
            assert received_or_reset(connection) == b""
        with proxy.severed(), socket.create_connection(proxy.address) as connection:
            assert received_or_reset(connection) == b""
        with socket.create_connection(proxy.address) as connection:
            connection.sendall(MARK)
            assert received(connection, len(MARK)) == MARK


def received_or_reset(connection: socket.socket) -> bytes:
    try:
        return received(connection, 1)
    except ConnectionResetError:
        return b""


ANSWER = b"Response: Success\r\nActionID: 1\r\n\r\n"


def test_late_events_let_answers_pass() -> None:
    with server(HOLD + ANSWER + MARK) as upstream, Proxy(upstream, AmiFraming) as proxy:
        proxy.weather = Weather(late_seconds=0.4)
        begin = time.monotonic()
        with socket.create_connection(proxy.address) as connection:
            assert received(connection, len(ANSWER)) == ANSWER
            assert time.monotonic() - begin < 0.3
            assert received(connection, len(HOLD + MARK)) == HOLD + MARK
            assert time.monotonic() - begin >= 0.4
        assert proxy.weather.met == 2


def test_what_comes_in_fair_weather_does_not_overtake_what_is_held() -> None:
    with server(HOLD) as upstream, Proxy(upstream, AmiFraming) as proxy:
        proxy.weather = Weather(late_seconds=0.4)
        with socket.create_connection(proxy.address) as connection:
            while not proxy.weather.met:
                time.sleep(0.01)
            proxy.weather = None
            connection.sendall(MARK)
            assert received(connection, len(HOLD + MARK)) == HOLD + MARK


def test_every_event_twice() -> None:
    with server(HOLD + ANSWER) as upstream, Proxy(upstream, AmiFraming) as proxy:
        proxy.weather = Weather(twice=True)
        with socket.create_connection(proxy.address) as connection:
            data = received(connection, len(HOLD * 2 + ANSWER))
            assert data.count(HOLD) == 2
            assert data.count(ANSWER) == 1


def test_events_of_one_channel_stay_in_order_and_those_of_several_do_not() -> None:
    events = [f"Event: E\r\nNumber: {n}\r\nUniqueid: 1.{n % 5}\r\n\r\n".encode() for n in range(60)]
    with server(b"".join(events)) as upstream, Proxy(upstream, AmiFraming) as proxy:
        proxy.weather = Weather(shuffle_seconds=0.1)
        with socket.create_connection(proxy.address) as connection:
            came = received(connection, len(b"".join(events))).split(b"\r\n\r\n")[:-1]
        got = [events.index(one + b"\r\n\r\n") for one in came]
        assert sorted(got) == list(range(60))
        assert got != sorted(got)
        for source in range(5):
            mine = [one for one in got if one % 5 == source]
            assert mine == sorted(mine)


def test_a_trap_springs_before_its_words_are_passed_on_and_once() -> None:
    """Whoever is killed then has said them, and the server has not heard them."""
    heard: list[bytes] = []
    with server() as upstream, Proxy(upstream, PlainFraming) as proxy:
        trap = proxy.set_trap(lambda: heard.append(b"trap"), "PUT", "x.flac")
        with socket.create_connection(proxy.address) as client:
            client.sendall(b"PUT /y")
            assert received(client, 6) == b"PUT /y"
            assert not trap.sprung
            client.sendall(b"PUT /x.flac")
            assert received(client, 11) == b"PUT /x.flac"
            client.sendall(b"PUT /x.flac")
            assert received(client, 11) == b"PUT /x.flac"
    assert heard == [b"trap"]


def test_a_trap_on_the_way_back_may_cut_the_line() -> None:
    """The server has done what it was asked, and the client never hears of it."""
    with server() as upstream, Proxy(upstream, PlainFraming) as proxy:
        trap = proxy.set_trap(proxy.cut, "COMMIT", back=True)
        with socket.create_connection(proxy.address) as client:
            client.sendall(b"COMMIT")
            client.settimeout(3)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(100) == b""
        assert trap.sprung


def test_refused_while_it_lasts() -> None:
    with server() as upstream, Proxy(upstream, PlainFraming) as proxy:
        with proxy.refused(b"HTTP/1.1 403 Forbidden\r\n\r\n"), socket.create_connection(proxy.address) as client:
            client.sendall(b"GET /")
            assert received(client, 100) == b"HTTP/1.1 403 Forbidden\r\n\r\n"
        with socket.create_connection(proxy.address) as client:
            client.sendall(b"GET /")
            assert received(client, 5) == b"GET /"
