"""The telephone as a command: answer calls, or place one and say what came of it."""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from .call import Call
from .datagram import Address
from .incoming import IncomingCall
from .message import MessageError, address_of
from .outcome import CallRefusedError, TelephoneError
from .phone import Policy, Telephone
from .voice import Silence, Voice, VoiceError, wav

_DONE, _FAILED, _USAGE = 0, 1, 2


def _address(text: str) -> Address:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        message = f"{text!r} is not an address; give HOST:PORT, as 127.0.0.1:5070"
        raise argparse.ArgumentTypeError(message)
    return host, int(port)


def _voice(text: str) -> Voice:
    try:
        return wav(Path(text))
    except VoiceError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _target(text: str) -> str:
    try:
        address_of(text)
    except MessageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="telephone",
        description="A SIP telephone (UDP, PCMU). It answers calls, or places one and reports what came of it.",
        epilog="exit codes: 0 good, 1 the call or the registration failed, 2 usage",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    answering = commands.add_parser(
        "answer",
        help="wait for calls and answer them",
        description="Wait for calls, answer and speak; one line of JSON per finished call with --json.",
    )
    answering.add_argument(
        "--listen",
        type=_address,
        default=("127.0.0.1", 0),
        metavar="HOST:PORT",
        help="own SIP address (default: a free port of 127.0.0.1)",
    )
    answering.add_argument(
        "--ring-seconds", type=float, default=1.0, metavar="S", help="ring for so long before answering (default 1)"
    )
    answering.add_argument(
        "--talk-seconds",
        type=float,
        metavar="S",
        help="hang up S seconds after answering (default: leave it to the caller)",
    )
    answering.add_argument(
        "--for-calls", type=int, metavar="N", help="end after N calls (default: on SIGINT or SIGTERM)"
    )
    calling = commands.add_parser(
        "call", help="place one call", description="Place one call, speak, hang up, and report what came of it."
    )
    calling.add_argument(
        "--to", type=_target, required=True, metavar="URI", help="whom to call, as sip:01632960100@127.0.0.1:5060"
    )
    calling.add_argument("--from", dest="from_user", metavar="USER", help="the number to call from (default: --user)")
    calling.add_argument("--name", metavar="TEXT", help="the caller's name to show")
    calling.add_argument("--press", metavar="KEYS", help="press these keys (RFC 4733) once the call is answered")
    calling.add_argument(
        "--press-after-seconds", type=float, default=1.0, metavar="S", help="how long after it (default: 1)"
    )
    calling.add_argument(
        "--seconds",
        type=float,
        metavar="S",
        help="hang up S seconds after the answer (default: leave it to the other side)",
    )
    calling.add_argument(
        "--listen",
        type=_address,
        default=("127.0.0.1", 0),
        metavar="HOST:PORT",
        help="own SIP address (default: a free port of 127.0.0.1)",
    )
    calling.add_argument(
        "--patience-seconds",
        type=float,
        default=30.0,
        metavar="S",
        help="give up if nobody answers for so long (default 30)",
    )
    for command in (answering, calling):
        command.add_argument("--user", default="telephone", help="user to be or to register as (default: telephone)")
        command.add_argument(
            "--password-file", type=Path, metavar="FILE", help="file with the password for registering and calling"
        )
        command.add_argument("--registrar", type=_address, metavar="HOST:PORT", help="register here")
        command.add_argument(
            "--speak", type=_voice, metavar="FILE.wav", help="say this: 8000 Hz, 16 bit, one channel (default: silence)"
        )
        command.add_argument(
            "--speak-after-seconds",
            type=float,
            default=0.0,
            metavar="S",
            help="be silent for S seconds after the answer first (default 0)",
        )
        command.add_argument(
            "--json", action="store_true", help="report in one line of JSON; instants are microseconds since 1970 UTC"
        )
    return parser


def _report(call: Call) -> dict[str, object]:
    """What a call came to; null for what did not happen."""
    times = {event.what: event.at for event in reversed(call.events)}
    heard = call.heard
    ending = call.ending
    return {
        "invited_at": times.get("INVITE received" if isinstance(call, IncomingCall) else "INVITE"),
        "ringing_at": times.get("180"),
        "answered_at": times.get("200"),
        "first_heard_at": int(heard.arrived_at[0]) if heard.packets else None,
        "last_heard_at": int(heard.arrived_at[-1]) if heard.packets else None,
        "first_sent_at": call.sent.instants[0] if call.sent.instants else None,
        "last_sent_at": call.sent.instants[-1] if call.sent.instants else None,
        "ended_at": ending.at if ending else None,
        "ended_by": ending.by if ending else None,
        "status": ending.status if ending else None,
        "packets_heard": heard.packets,
        "packets_lost": heard.lost,
        "packets_sent": len(call.sent.instants),
        "keys_heard": "".join(digit for _, digit in heard.digits),
    }


def _show(call: Call, *, as_json: bool) -> None:
    report = _report(call)
    if as_json:
        print(json.dumps(report), flush=True)
        return
    begin = call.events[0].at
    for event in call.events:
        print(f"{(event.at - begin) / 1_000_000:9.3f} s  {event.what}")
    print(
        f"heard {report['packets_heard']} packets ({report['packets_lost']} lost), sent {report['packets_sent']}",
        flush=True,
    )


async def _speak(call: Call, voice: Voice | None, after_seconds: float) -> None:
    """Speak after a while, unless the call ends before."""
    if voice is None:
        return
    try:
        await asyncio.wait_for(call.ended, after_seconds)
    except TimeoutError:
        call.say(voice)


async def _answer(options: argparse.Namespace, password: str | None, stop: asyncio.Event) -> int:
    finished = 0

    async def policy(call: IncomingCall) -> None:
        nonlocal finished
        call.ring()
        await asyncio.sleep(options.ring_seconds)
        call.accept(Silence() if options.speak_after_seconds or options.speak is None else options.speak)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(options.talk_seconds):
                if options.speak_after_seconds:
                    await _speak(call, options.speak, options.speak_after_seconds)
                await call.ended
        await call.hangup()
        finished += 1
        _show(call, as_json=options.json)
        if options.for_calls is not None and finished >= options.for_calls:
            stop.set()

    phone = _telephone(options, password, policy)
    async with phone:
        if not options.json:
            print(f"listening on {phone.address[0]}:{phone.address[1]}", flush=True)
        await stop.wait()
    return _DONE


async def _call(options: argparse.Namespace, password: str | None, stop: asyncio.Event) -> int:
    async with _telephone(options, password, None) as phone:
        voice = options.speak if options.speak and not options.speak_after_seconds else Silence()
        call = await phone.call(options.to, voice=voice, from_user=options.from_user, display_name=options.name)
        stopping = asyncio.create_task(_stopped(stop, call))
        try:
            await asyncio.wait_for(call.answered, options.patience_seconds)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(options.seconds):
                    if options.press:
                        await asyncio.sleep(options.press_after_seconds)
                        await call.press(options.press)
                    if options.speak_after_seconds:
                        await _speak(call, options.speak, options.speak_after_seconds)
                    await call.ended
            await call.hangup()
        except CallRefusedError as error:
            print(f"telephone: {error}", file=sys.stderr)
            return _FAILED
        except TimeoutError:
            await call.hangup(patience_seconds=1.0)
            waited = f"not answered in {options.patience_seconds:g} s"
            print(f"telephone: the call was {waited}; check that somebody is at the address", file=sys.stderr)
            return _FAILED
        finally:
            stopping.cancel()
            await asyncio.gather(stopping, return_exceptions=True)
            _show(call, as_json=options.json)
    return _DONE


async def _stopped(stop: asyncio.Event, call: Call) -> None:
    await stop.wait()
    await call.hangup()


def _telephone(options: argparse.Namespace, password: str | None, policy: Policy | None) -> Telephone:
    host, port = options.listen
    return Telephone(options.user, password, host=host, local_port=port, registrar=options.registrar, on_call=policy)


async def _run(options: argparse.Namespace, password: str | None) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return await (_answer if options.command == "answer" else _call)(options, password, stop)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        password = options.password_file.read_text(encoding="utf-8").strip() if options.password_file else None
    except OSError as error:
        print(
            f"telephone: cannot read the password file {options.password_file}: {error.strerror}; give a readable file",
            file=sys.stderr,
        )
        return _USAGE
    try:
        return asyncio.run(_run(options, password))
    except (TelephoneError, OSError) as error:
        print(f"telephone: {error}", file=sys.stderr)
        return _FAILED


if __name__ == "__main__":
    sys.exit(main())
