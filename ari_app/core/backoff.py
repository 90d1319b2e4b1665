"""How long to wait before the next try, as arithmetic: no clock, no randomness of its own."""


def delay_seconds(attempt: int, jitter: float, *, first_seconds: float = 0.2, cap_seconds: float = 15.0) -> float:
    """Return the wait after the attempt-th failure in a row (1, 2, …): doubled each time, capped, jittered.

    jitter: 0 to 1, drawn by the caller; it takes off up to half, so that processes which lost the same server
    at the same moment do not come back at the same moment. The cap bounds how long a repaired server is left
    unnoticed.
    """
    if attempt < 1 or not 0.0 <= jitter <= 1.0:
        raise ValueError(f"attempt counts from 1 and jitter lies in 0..1, got {attempt} and {jitter}")
    # 2**60 seconds is beyond any cap; without this bound a week of failures would overflow a float.
    full = min(cap_seconds, first_seconds * float(2 ** min(attempt - 1, 60)))
    return full * (1.0 - jitter / 2)
