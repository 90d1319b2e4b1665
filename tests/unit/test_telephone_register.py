"""Registration and digest, against a registrar of a few lines that checks every value itself."""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Self

import pytest
from telephone import Address, RegistrationRefusedError, Telephone, answering
from telephone.datagram import DatagramSocket, bind
from telephone.digest import Credentials, answer, digest_of, parameters
from telephone.message import Message, parse, response_to
from unit.telephone_world import Network, run, uri


def test_the_digest_of_the_standards_examples() -> None:
    # RFC 2617 section 3.5 and RFC 7616 section 3.9.1.
    given = {
        "realm": "testrealm@host.com",
        "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "qop": "auth",
        "nc": "00000001",
        "cnonce": "0a4f113b",
    }
    old = digest_of("MD5", Credentials("Mufasa", "Circle Of Life"), given, "GET", "/dir/index.html")
    assert old == "6629fae49393a05397450978507c4ef1"
    given = {
        "realm": "http-auth@example.org",
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "qop": "auth",
        "nc": "00000001",
        "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    }
    mufasa = Credentials("Mufasa", "Circle of Life")
    assert digest_of("MD5", mufasa, given, "GET", "/dir/index.html") == "8ca523f5e9506fed4657c9700eebdbec"
    assert digest_of("SHA-256", mufasa, given, "GET", "/dir/index.html") == (
        "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
    )
    assert "Circle" not in repr(mufasa)


class Registrar:
    """Challenges everything but ACK, checks the answer by the RFC's formula, answers; INVITEs with 200."""

    def __init__(self, password: str, challenge: str, status: int = 401) -> None:
        self.password, self.challenge, self.status = password, challenge, status
        self.taken: list[Message] = []
        self.refused = 0

    async def __aenter__(self) -> Self:
        self._socket = DatagramSocket(asyncio.get_running_loop(), bind("127.0.0.1"), self._receive)
        self.address = self._socket.address
        return self

    async def __aexit__(self, *_: object) -> None:
        self._socket.close()

    def _receive(self, data: bytes, source: Address, arrived_at: int) -> None:
        request = parse(data, source, arrived_at)
        if request.method == "ACK":
            return
        header = "authorization" if self.status == 401 else "proxy-authorization"
        asking = "WWW-Authenticate" if self.status == 401 else "Proxy-Authenticate"
        if self._right(request, request.get(header)):
            self.taken.append(request)
            response = response_to(request, 486 if request.method == "INVITE" else 200, "Whatever")
        else:
            self.refused += 1
            response = response_to(request, self.status, "Unauthorized", [(asking, self.challenge)])
        self._socket.send(response.encode(), source)

    def _right(self, request: Message, value: str) -> bool:
        if not value:
            return False
        given, asked = parameters(value), parameters(self.challenge)
        hashed = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[given["algorithm"]]

        def digest(text: str) -> str:
            return hashed(text.encode()).hexdigest()

        ha1 = digest(f"{given['username']}:{asked['realm']}:{self.password}")
        ha2 = digest(f"{request.method}:{given['uri']}")
        middle = f"{given['nc']}:{given['cnonce']}:auth:" if "qop" in asked else ""
        return given["nonce"] == asked["nonce"] and given["response"] == digest(f"{ha1}:{asked['nonce']}:{middle}{ha2}")


CHALLENGES = {
    "as Asterisk does": 'Digest realm="asterisk", nonce="17/abc", opaque="0b", algorithm=MD5, qop="auth"',
    "SHA-256": 'Digest algorithm=SHA-256, realm="a b", nonce="n", qop="auth,auth-int"',
    "without qop": 'Digest realm="old", nonce="x"',
}


def test_a_telephone_registers_refreshes_and_leaves() -> None:
    async def once(challenge: str) -> None:
        async with Registrar("geheim", challenge) as registrar:
            async with Telephone("2001", "geheim", registrar=registrar.address, register_expires_seconds=1) as phone:
                assert phone.registered
                first = registrar.taken[0]
                assert first.get("expires") == "1"
                assert first.get("contact") == f"<sip:2001@127.0.0.1:{phone.address[1]}>"
                await asyncio.sleep(0.7)
                assert [message.get("expires") for message in registrar.taken] == ["1", "1"]
            assert [message.get("expires") for message in registrar.taken] == ["1", "1", "0"]
            # One registration: the same Call-ID, rising numbers.
            assert len({message.get("call-id") for message in registrar.taken}) == 1
            numbers = [message.cseq for message in registrar.taken]
            assert numbers == sorted(set(numbers))

    async def scenario() -> None:
        await asyncio.gather(*(once(challenge) for challenge in CHALLENGES.values()))

    run(scenario())


def test_a_wrong_password_is_refused_and_leaves_nothing() -> None:
    async def scenario() -> None:
        async with Registrar("geheim", 'Digest realm="asterisk", nonce="n", qop="auth"') as registrar:
            with pytest.raises(RegistrationRefusedError, match=r"cannot register 2001 at 127\.0\.0\.1:.*401") as caught:
                async with Telephone("2001", "falsch", registrar=registrar.address):
                    pass
            assert "falsch" not in str(caught.value)
            assert registrar.refused == 2

    run(scenario())


@pytest.mark.parametrize("status", [401, 407])
def test_a_call_answers_a_challenge_once(status: int) -> None:
    async def scenario() -> None:
        async with Registrar("geheim", 'Digest realm="asterisk", nonce="n", qop="auth"', status) as registrar:
            target = f"sip:01632960100@127.0.0.1:{registrar.address[1]}"
            async with Telephone("2001", "geheim") as phone:
                ending = await (await phone.call(target)).ended
                assert ending.status == 486
                assert len(registrar.taken) == 1
                assert registrar.taken[0].body
            async with Telephone("2001", "falsch") as phone:
                ending = await (await phone.call(target)).ended
                assert ending.status == status
                assert registrar.refused == 3

    run(scenario())


def test_a_challenge_that_cannot_be_answered_is_none() -> None:
    for value in ("Basic realm=x", 'Digest realm="x", nonce="n", algorithm=AKAv1-MD5', 'Digest realm="x"'):
        response = Message("SIP/2.0 401 Unauthorized", [("WWW-Authenticate", value)])
        assert answer(response, Credentials("a", "b"), "REGISTER", "sip:x") is None


def test_a_call_is_cancelled_only_after_a_first_word() -> None:
    """RFC 3261 section 9.1: a CANCEL must not overtake its INVITE."""
    wait_for_hundred: Callable[[bytes], bool] = lambda data: data.startswith(b"SIP/2.0 1") and not heard  # noqa: E731
    heard: list[str] = []

    async def scenario() -> None:
        async with (
            Telephone("2001", on_call=answering(ring_seconds=5)) as house,
            Network(house.address, wait_for_hundred) as network,
            Telephone("outside") as outside,
        ):
            call = await outside.call(uri(house).replace(str(house.address[1]), str(network.address[1])))
            hanging_up = asyncio.create_task(call.hangup())
            await asyncio.sleep(0.1)
            assert not any(data.startswith(b"CANCEL") for data in network.carried)
            heard.append("from now on nothing is lost")
            assert (await hanging_up).status == 487

    run(scenario())
