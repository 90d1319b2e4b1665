"""The answer of `consentgate explain` as a page for people."""

import textwrap
from collections.abc import Iterator
from typing import Any

WIDTH = 100
_FAILURE, _CALL = 48, 42


def page(said: dict[str, Any]) -> str:
    """Return the whole answer."""
    return "\n".join(_lines(said))


def _lines(said: dict[str, Any]) -> Iterator[str]:
    over = f" over {said['line']}" if said["line"] and said["line"] != said["to"] else ""
    then = f", then transferred to {said['transfer_to']}" if said["transfer_to"] else ""
    yield f"{said['from']} calls {said['to']}{over}{then} ({said['site']}, {said['node']}, {said['at']})"
    yield _wrapped(f"By the rules of this file. {said['in_force']} Nothing was touched, nobody was asked.")
    if said["line"] is None:
        yield from ("", _wrapped(said["verdict"]))
        return
    yield from ("", *_verdict(said))
    yield from ("", "WHO HEARS WHAT", *_heard(said["who"], said["told"]))
    if said["transferred_to_hears"]:
        yield from _heard(said["transfer_to"], said["transferred_to_hears"])
    yield from ("", "WHO IS RECORDED, AND FROM WHEN", *_scenes(said))
    if said["choices"]:
        yield from ("", "WHAT THEY MAY PRESS", *_choices(said))
    if said["failures"]:
        yield from ("", "WHAT A FAILURE COSTS (every call goes on)", *_failures(said["failures"]))
    yield from ("", "WHAT BECOMES OF THE RECORDING", *_stored(said))


def _verdict(said: dict[str, Any]) -> Iterator[str]:
    told = said["told"]
    if said["mode"] == "never":
        yield _wrapped(f"NOT RECORDED: the line is never recorded ({said['never_because']}), whatever is alive.")
    elif said["unusable"]:
        yield _wrapped(f"NOT RECORDED: {said['unusable']}")
    elif said["recorded"]:
        yield f"RECORDED ({said['mode']}, {said['capture']}), after whoever comes from outside was told."
    else:
        yield _wrapped(f"NOT RECORDED: {told['words'] or told['reason'] or 'somebody who can be heard is not told'}")


def _heard(who: str, told: dict[str, Any]) -> Iterator[str]:
    yield f"  {who}:"
    for one in told["hears"]:
        yield (
            f"    {one['begins_seconds']:5.1f} s  {one['announcement']} ({one['language']}), "
            f"speech ends at {one['speech_ends_seconds']:.1f} s"
        )
        if one["text"]:
            text = textwrap.wrap(" ".join(one["text"].split()), WIDTH - 13)
            yield from (f"             {line}" for line in text)
    if not told["hears"]:
        yield "             nothing of ours"
    if told["told_after_seconds"] is not None:
        yield f"    {told['told_after_seconds']:5.1f} s  counts as told"
    yield f"    {told['goes_on_after_seconds']:5.1f} s  the call goes on ({_outcome(told)})"


def _outcome(told: dict[str, Any]) -> str:
    return f"{told['outcome']}: {told['words'] or told['reason']}" if told["reason"] else str(told["outcome"])


def _scenes(said: dict[str, Any]) -> Iterator[str]:
    for scene in said["scenes"]:
        people = ", ".join(f"{one['who']} ({one['counts_as']})" for one in scene["present"])
        recorded = [one["who"] for one in scene["present"] if one["recorded"]]
        if recorded:
            when = (
                f" from {scene['begins_seconds']:.1f} s at the earliest" if scene["begins_seconds"] is not None else ""
            )
            verdict = f"recorded{when}: {', '.join(recorded)}"
        else:
            verdict = f"nobody is recorded{_because(scene) or ' yet'}"
        yield _wrapped(f"{scene['what']}: {people}", "  ")
        yield _wrapped(verdict, "      ")
    if said["transfer_note"]:
        yield _wrapped(f"({said['transfer_note']})", "      ")


def _because(scene: dict[str, Any]) -> str:
    return f": {scene['words'] or scene['reason']}" if scene["reason"] else ""


def _choices(said: dict[str, Any]) -> Iterator[str]:
    for one in said["choices"]:
        reason = f", {one['reason']}" if one["reason"] else ""
        hears = f"; hears {', '.join(one['hears'])}" if one["hears"] else ""
        yield _wrapped(f"{one['key'] or '-':2} {one['means']}: {one['outcome']}{reason}{hears}", "  ")
    if said["later_no"]:
        within = said["objection"]["destroys_within_seconds"]
        destroys = f"; what was recorded before is destroyed within the first {within} s" if within else ""
        yield _wrapped(
            f"{said['later_no']} a no at any later time: it ends {said['objection']['ends']}{destroys}", "  "
        )


def _failures(failures: list[dict[str, Any]]) -> Iterator[str]:
    for one in failures:
        reason = f" ({one['reason']})" if one["reason"] else ""
        call = "" if one["call"] == "goes on" else f"the call {one['call']}; "
        yield _wrapped(f"{one['failure']}: {call}recorded: {one['recorded']}{reason}", "  ")


def _stored(said: dict[str, Any]) -> Iterator[str]:
    kept, stored, limits = said["retention"], said["storage"], said["limits"]
    if not said["recorded"]:
        yield _wrapped("There is none. The call has a row with its reason, and a manifest without sound.", "  ")
        return
    window = limits["discard_window_seconds"]
    if window:
        yield f"  not before {window} s after the call's end: until then it can be thrown away"
    yield _wrapped(f"waits in {stored['spool']}, then goes to s3://{stored['bucket']}/{stored['folder']}/", "  ")
    lock = (
        f"locked ({stored['object_lock']}) until {stored['locked_until']}" if stored["locked_until"] else "not locked"
    )
    sure = "" if stored["lock_is_demanded"] else ", where the bucket can"
    yield f"  {lock}{sure}; encryption: {stored['encryption']}"
    if kept is None:
        yield "  retention: the line names no class, so nothing says how long it is kept"
    else:
        since, days = kept["from"].replace("_", " "), kept["checked_days_ago"]
        rule = f"{kept['citation']} (looked at on {kept['checked']}, {days} days before)"
        yield _wrapped(f"retention: {kept['class']}, {kept['keep']} from the {since}, by {rule}", "  ")
    hours, seconds = limits["max_seconds"] / 3600, stored["kept_here_seconds"]
    yield f"  at most {hours:g} h of one call; its sound stays here {seconds} s longer"


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}    ", break_on_hyphens=False)
