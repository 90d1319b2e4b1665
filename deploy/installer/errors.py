"""What keeps the installer from going on, for a person: what failed, on what, why, and what to do."""


class InstallError(Exception):
    """One message; `status` is the exit code: 1, or 3 where the configuration is to be mended."""

    def __init__(self, what: str, *, on: object = "", why: object = "", hint: str = "", status: int = 1) -> None:
        self.status = status
        text = what + (f" ({on})" if str(on) else "") + (f": {why}" if str(why) else "")
        super().__init__(text + (f". {hint}" if hint else ""))


def reason(failure: OSError) -> str:
    """Return why the system refused, in its own words."""
    return failure.strerror or str(failure)
