"""`./tests/bench custody`: how long it takes to prove what lies in S3, and to make the rows anew from it.

Real servers, and recordings that are what ship makes of a call; only their number is synthetic. Everything is signed
and anchored, so that every check has something to check, and an object that is not whole ends the measurement.
"""

import contextlib
import hashlib
import io
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import numpy as np
import servers
import soundfile
from demo_world.errors import WorldError
from demo_world.progress import Progress
from demo_world.seaweed import BUCKET
from sealed_calls import BEGAN, RATE_HZ, SECOND, at, good, minted

from ari_app.adapters.ledger import Ledger
from ari_app.adapters.postgres import PostgresDatabase
from ari_app.commands import verify
from ari_app.commands.rebuild_index import Rebuilding
from ari_app.core import anchor as an
from ari_app.core import manifest as mf
from ari_app.core import names, shipment
from ari_app.core.manifest import Stored
from ari_app.core.names import Instant
from ari_app.core.recording import Wav
from ari_app.core.signature import MANIFEST, SIGNATURE
from ari_app.errors import GOOD
from ari_app.inspection import WORKERS, Inspection
from ari_app.signing import Keyring, Signer

from .figures import Report, Say

if TYPE_CHECKING:  # the stubs are a development tool
    from mypy_boto3_s3 import S3Client

MANIFESTS: Final = 2000
SOUNDS: Final = 150
"""Recordings of a minute with both parties' sound, half a megabyte each."""

PUTTING = 16
SIGNER = Signer(bytes(range(32)))
DAY = names.iso(BEGAN)[:10]
Objects = dict[str, bytes]


def _sound(seed: int, samples: int) -> bytes:
    """Return a segment as it is stored: two channels that compress as speech does, to about half of their size."""
    generator = np.random.default_rng(seed)
    loudness = 200 + 400 * (np.sin(np.arange(samples) / RATE_HZ) > 0)
    made = (generator.standard_normal((samples, 2)) * loudness[:, None]).astype("<i2")
    content = io.BytesIO()
    soundfile.write(content, made, RATE_HZ, format="FLAC", subtype="PCM_16")
    return content.getvalue()


def _recording(number: int, prefix: str, seconds: int, sound: Callable[[int, int], bytes]) -> Objects:
    """Return the objects of a signed recording of a call in which so many seconds were spoken."""
    recording = minted(number)
    call = good(recording, channel=f"1763802000.{number}")
    # Everything that ends the call is later; what began it stays where it was.
    later = Instant((seconds - 4) * SECOND)
    entries = [replace(one, at=Instant(one.at + later)) if one.at >= at(8) else one for one in call]
    wavs = {
        (1, "p01"): Wav(seconds * RATE_HZ, RATE_HZ, Instant(at(8) + later)),
        (1, "p02"): Wav(seconds * RATE_HZ - 400, RATE_HZ, Instant(at(8) + later)),
    }
    made = shipment.plan(entries, "c" * 64, recording, Instant(at(60) + later), wavs)
    folder = names.object_folder(prefix, recording, BEGAN)
    (segment,) = made.segments
    content = sound(number, segment.samples)
    stored = Stored("seg-001.flac", hashlib.sha256(content).hexdigest(), len(content))
    text, _ = mf.to_json(mf.build(made, folder, {1: stored}))
    signed = SIGNER.sign(text)
    return {f"{folder}/{MANIFEST}": text, f"{folder}/{SIGNATURE}": signed, f"{folder}/seg-001.flac": content}


def _anchored(objects: Objects, prefix: str, folder: Path) -> Objects:
    """Return the anchor of all these recordings with its bundles, made by ship's own ledger."""
    manifests = {key: hashlib.sha256(text).hexdigest() for key, text in objects.items() if key.endswith(MANIFEST)}
    shipped = folder / "shipped"
    for key in manifests:
        kept = shipped / key.split("/")[-2]
        kept.mkdir(parents=True)
        (kept / MANIFEST).write_bytes(objects[key])
        (kept / SIGNATURE).write_bytes(objects[key.replace(MANIFEST, SIGNATURE)])
    ledger = Ledger(folder / "anchors")
    for key, digest in manifests.items():
        ledger.note(key, digest, BEGAN)
    ledger.close(DAY, "pbx1", SIGNER, [shipped])
    return {f"{prefix}/{an.FOLDER}/{name}": file.read_bytes() for file, name in ledger.objects(DAY, "pbx1")}


def _put(client: "S3Client", objects: Iterable[tuple[str, bytes]]) -> None:
    with ThreadPoolExecutor(PUTTING) as pool:
        list(pool.map(lambda one: client.put_object(Bucket=BUCKET, Key=one[0], Body=one[1]), objects))


@contextlib.contextmanager
def _timed() -> Iterator[list[float]]:
    taken: list[float] = []
    began = time.perf_counter()
    yield taken
    taken.append(time.perf_counter() - began)


def _whole(code: int, what: str) -> None:
    if code != GOOD:
        raise WorldError(f"{what} found a fault in what was made for it: see the lines above")


def _looking(prefix: str) -> Inspection:
    return Inspection(servers.running().store(), Keyring([SIGNER.public_key]), prefix)


def _verify(prefix: str, *, listed: bool) -> float:
    with _timed() as taken:
        code = verify.inspect(_looking(prefix), recording=None, day=None, everything=True, as_json=False, listed=listed)
    _whole(code, "verify")
    return taken[0]


def _bundles(report: Report, say: Say, number: int) -> None:
    """rebuild-index and verify from the bundles: no sound, and no object of a recording, is read."""
    prefix, client = servers.running().prefix(), servers.running().seaweed.client()
    made: Objects = {}
    for one in range(number):
        made |= _recording(one, prefix, 60, lambda seed, _: b"fLaC%d" % seed)
    with TemporaryDirectory() as folder:
        anchors = _anchored(made, prefix, Path(folder))
    size = sum(len(text) for key, text in made.items() if key.endswith(MANIFEST))
    packed = sum(len(content) for key, content in anchors.items() if key.endswith(".gz"))
    say(f"{number} recordings with their anchor and bundle are put into S3")
    _put(client, [*made.items(), *anchors.items()])
    say("verify --all --without-audio")
    listed = _verify(prefix, listed=True)
    say("rebuild-index into an empty database")
    database = PostgresDatabase(servers.running().database())
    try:
        rebuilding = Rebuilding(_looking(prefix), database)
        with _timed() as taken:
            code = rebuilding.run()
        _whole(code, "rebuild-index")
        if rebuilding.sum.entered != number:
            raise WorldError(f"rebuild-index entered {rebuilding.sum.entered} of {number} recordings")
        with _timed() as again:
            Rebuilding(_looking(prefix), database).run()
    finally:
        database.close()
    report.figures |= {
        "manifests": number,
        "manifest_bytes": size / number,
        "bundle_bytes": packed / number,
        "verify_without_audio_seconds": listed,
        "rebuild_index_seconds": taken[0],
        "rebuild_index_again_seconds": again[0],
    }
    report.at_least("rebuild_index_manifests_per_second", number / taken[0], 500)
    report.at_least("verify_manifests_per_second", number / listed, 1000)


def _audio(report: Report, say: Say, number: int) -> None:
    """verify of all that lies there, beside a loop that does no more than to fetch the sound and to hash it."""
    prefix, client = servers.running().prefix(), servers.running().seaweed.client()
    made: Objects = {}
    for one in range(number):
        made |= _recording(one, prefix, 60, _sound)
    with TemporaryDirectory() as folder:
        anchors = _anchored(made, prefix, Path(folder))
    sounds = [key for key in made if key.endswith(".flac")]
    size = sum(len(made[key]) for key in sounds)
    say(f"{number} recordings of a minute ({size / number / 1e6:.2f} MB each) are put into S3")
    _put(client, [*made.items(), *anchors.items()])

    def fetch(key: str) -> str:
        digest = hashlib.sha256()
        for chunk in client.get_object(Bucket=BUCKET, Key=key)["Body"].iter_chunks(1 << 20):
            digest.update(chunk)
        return digest.hexdigest()

    say("a bare GET and SHA-256 of each sound, then verify --all, then the bare loop once more")
    taken = []
    for _ in range(2):
        with _timed() as bare, ThreadPoolExecutor(WORKERS) as pool:
            hashes = list(pool.map(fetch, sounds))
        taken += bare
        if not report.figures.get("verify_seconds"):
            report.figures["verify_seconds"] = _verify(prefix, listed=False)
    if hashes != [hashlib.sha256(made[key]).hexdigest() for key in sounds]:
        raise WorldError("the bare loop read other bytes than were put")
    mean = sum(taken) / len(taken)
    report.figures |= {"recordings": number, "sound_bytes": size / number}
    report.reference |= {"bare_get_and_sha256_seconds": taken, "workers": WORKERS}
    share = mean / report.figures["verify_seconds"]
    report.at_least("verify_audio_share_of_bare", share, 0.5, reference=mean)


PARTS: Final = {"bundles": (_bundles, MANIFESTS), "audio": (_audio, SOUNDS)}
RUNS: Final = {name: number for name, (_, number) in PARTS.items()}


def measure(progress: Progress, parts: Collection[str], runs: int | None) -> Report:
    """Measure the parts one after the other, and return figures and bars. Raises WorldError or OSError."""
    report = Report("custody")
    for name, (part, number) in PARTS.items():
        if name in parts:
            part(report, progress.say, runs or number)
    return report
