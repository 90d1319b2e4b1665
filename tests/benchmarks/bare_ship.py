"""The reference: the least that brings recordings to S3. It encodes the FLAC in memory and calls put_object.

No manifest, no hash, nothing durable, nothing asked afterwards, no row. With `like_ship` it makes the six requests that
ship makes before a recording's row, and still nothing else: what is lost beside that is ship's own. Run as
`python -m benchmarks.bare_ship`, with its settings as JSON on standard input and as nice as ship; it prints the seconds
that it took and the CPU milliseconds for each recording.
"""

import io
import json
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import soundfile
from botocore.config import Config

MANIFEST_BYTES, SIGNATURE_BYTES = 6000, 300


def main() -> None:
    """Store every recording of the settings, with so many workers."""
    said: dict[str, Any] = json.load(sys.stdin)
    client = boto3.client("s3", **said["s3"], config=Config(s3={"addressing_style": "path"}))

    def store(recording: str) -> None:
        legs = [soundfile.read(file, dtype="int16") for file in sorted((Path(said["audio"]) / recording).iterdir())]
        sound = np.zeros((max(len(leg) for leg, _ in legs), len(legs)), dtype="<i2")
        for channel, (leg, _) in enumerate(legs):
            sound[: len(leg), channel] = leg
        flac = io.BytesIO()
        soundfile.write(flac, sound, legs[0][1], subtype="PCM_16", format="FLAC")
        objects = {"flac": flac.getvalue()}
        if said["like_ship"]:
            # A manifest and its signature; and of each object it is asked what is there.
            objects |= {"json": b"m" * MANIFEST_BYTES, "sig": b"s" * SIGNATURE_BYTES}
        for name, content in objects.items():
            key = f"{said['prefix']}/{recording}.{name}"
            client.put_object(Bucket=said["bucket"], Key=key, Body=content)
            if said["like_ship"]:
                client.head_object(Bucket=said["bucket"], Key=key)

    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    with ThreadPoolExecutor(said["workers"]) as pool:
        list(pool.map(store, said["recordings"]))
    took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"seconds": took, "cpu_ms": 1000 * cpu / len(said["recordings"])}))


if __name__ == "__main__":
    main()
