"""The tables of a call's evidence: what happened when, who was told how, what is stored and what is not, and why.

Made from the manifest alone, with nothing of the project's own code: a mistake there is not repeated here.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table

SHORT_HASH = 16
_PERMITS = "written to disk before anything was captured"


def at(text: str) -> datetime:
    """Return an instant of the manifest."""
    return datetime.fromisoformat(text)


class Sheet:
    """One call's manifest, and the seconds since it began."""

    def __init__(self, manifest: Mapping[str, Any], folder: Path) -> None:
        self._manifest, self._folder = manifest, folder
        self._call: Mapping[str, Any] = manifest["call"]
        self._began = at(self._call["began_at"])
        self._parties = {party["party"]: party for party in manifest["parties"]}
        self._notices = {notice["notice"]: notice for notice in manifest["notices"]}

    def _seconds(self, instant: datetime | str) -> str:
        moment = at(instant) if isinstance(instant, str) else instant
        return f"{(moment - self._began).total_seconds():.3f}"

    def _who(self, party: str) -> str:
        said = self._parties[party]
        if said["side"] == "house":
            return f"{party} house phone {said['endpoint']}"
        return f"{party} outside party" + (" (guest)" if said["recording"] else "")

    # ---- what happened when

    def timeline(self) -> Table:
        """Everything that happened, in order."""
        direction = f", {self._call['direction']}" if self._call["direction"] else ""
        outcome = self._call["outcome"].replace("_", " ")
        table = Table(title=f"Call on {self._call['line']}{direction}: {outcome}", title_justify="left", box=None)
        table.add_column("seconds", justify="right", style="cyan", no_wrap=True)
        table.add_column("what happened")
        table.add_column("proof")
        for moment, what, proof in sorted(self._events(), key=lambda event: event[0]):
            table.add_row(self._seconds(moment), what, proof)
        return table

    def _events(self) -> Iterator[tuple[datetime, str, str]]:
        call = self._call
        yield self._began, "the call came to the gate", f"recording {call['recording']}"
        yield from self._tellings()
        yield from self._permissions()
        for one in self._manifest["choices"]:
            key = f"key {one['key']}" if one["key"] else (one["cause"] or "")
            yield at(one["at"]), f"CHOOSES: {one['choice'].replace('_', ' ')}", key
        for one in self._manifest["objections"]:
            yield at(one["at"]), f"OBJECTS: {self._who(one['party'])}", "is in no later segment"
        for track in self._manifest["tracks"]:
            if track["stored_from"]:
                kept = f"{track['stored_samples']} samples kept, {track['destroyed_samples']} destroyed"
                yield at(track["stored_from"]), f"RECORDING begins: {self._who(track['party'])}", kept
        if call["reason"]:
            yield at(call["ended_at"]), "not recorded", call["reason"]
        yield at(call["ended_at"]), "hung up", ""
        journal = self._manifest["journal"]
        sealed = datetime.fromtimestamp((self._folder / "manifest.json").stat().st_mtime, UTC)
        proof = f"journal of {journal['lines']} lines" if journal else "noted by the dialplan alone"
        yield sealed, "sealed: what may be stored is decided", proof
        shipped = datetime.fromtimestamp(self._folder.stat().st_ctime, UTC)
        yield shipped, "in S3 and in PostgreSQL, verified; local audio deleted", ""

    def _tellings(self) -> Iterator[tuple[datetime, str, str]]:
        for notice in self._manifest["notices"]:
            name = f"{notice['announcement']} to {notice['party']}"
            if "failed_at" in notice:
                yield at(notice["failed_at"]), f"announcement not heard: {name}", notice["reason"]
                continue
            file = f"{notice['language']}, file sha256 {notice['sha256'][:SHORT_HASH]}…"
            yield at(notice["began_at"]), f"announcement begins: {name}", file
            yield at(notice["completed_at"]), f"TOLD: {self._who(notice['party'])}", _packets(notice)

    def _permissions(self) -> Iterator[tuple[datetime, str, str]]:
        for permit in self._manifest["permits"]:
            granted = at(permit["granted_at"])
            first = [one["party"] for one in permit["parties"] if at(one["since"]) <= granted]
            yield granted, f"permit {permit['permit']} granted: {', '.join(first)}", _PERMITS
            for one in permit["parties"]:
                if one["party"] not in first:
                    yield at(one["since"]), f"permit {permit['permit']} widened: {self._who(one['party'])}", _PERMITS
                if one["left_at"]:
                    yield at(one["left_at"]), f"permit {permit['permit']} narrowed: {one['party']} has left", ""
            if permit["revoked_at"]:
                yield at(permit["revoked_at"]), f"permit {permit['permit']} revoked", permit["reason"]

    # ---- who was told, and how

    def parties(self) -> Table:
        """Everybody who could be heard: since when, how they were told, and where their voice is."""
        table = Table(title="Who could be heard", title_justify="left", box=None)
        for name in ("party", "from", "told", "how", "their voice"):
            table.add_column(name, justify="right" if name in {"from", "told"} else "left")
        for party, said in self._parties.items():
            table.add_row(self._who(party), self._seconds(said["entered_at"]), *self._told(party), self._voice(party))
        return table

    def _told(self, party: str) -> tuple[str, str]:
        said = self._parties[party]
        if said["contract"]:
            return "-", "by contract: parties.staff"
        heard = [one for one in self._manifest["notices"] if one["party"] == party]
        if not heard or any("failed_at" in one for one in heard):
            return "never", "; ".join(str(one.get("reason", "")) for one in heard if "failed_at" in one) or "not at all"
        names = ", ".join(one["announcement"] for one in heard)
        return self._seconds(heard[-1]["completed_at"]), f"heard {names}: {_packets(heard[-1])}"

    def _voice(self, party: str) -> str:
        other = self._parties[party]["recording"]
        if other:
            return f"in {other} alone"
        stored = [one for one in self._manifest["tracks"] if one["party"] == party and one["stored_samples"]]
        channels = [f"segment {one['segment']} channel {one['channel']}" for one in stored]
        return ", ".join(channels) or "nowhere"

    # ---- what is stored, and what is not

    def stretches(self) -> Table:
        """The whole call without a hole: stored segments, and gaps with their reasons."""
        table = Table(title="What is stored, and what is not", title_justify="left", box=None)
        for name in ("from", "to", "length", "what"):
            table.add_column(name, justify="left" if name == "what" else "right", no_wrap=name != "what")
        for start, end, what in sorted(self._stretches()):
            table.add_row(self._seconds(start), self._seconds(end), f"{(end - start).total_seconds():.3f} s", what)
        return table

    def _stretches(self) -> Iterator[tuple[datetime, datetime, str]]:
        for gap in self._manifest["gaps"]:
            yield at(gap["began_at"]), at(gap["ended_at"]), f"[dim]gap: {gap['reason']}[/dim]"
        for segment in self._manifest["segments"]:
            stored = [
                one for one in self._manifest["tracks"] if one["segment"] == segment["segment"] and one["stored_from"]
            ]
            start = min(at(one["stored_from"]) for one in stored)
            end = max(at(one["stored_until"]) for one in stored)
            channels = ", ".join(f"{number} {party}" for number, party in enumerate(segment["channels"], start=1))
            yield start, end, f"[green]segment {segment['segment']}[/green]: channels {channels}"


def _packets(notice: Mapping[str, Any]) -> str:
    return f"{notice['packets_sent']} of {notice['packets_expected']} packets sent"
