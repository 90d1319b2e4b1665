"""What a bucket of recordings should be set to, and what of it is not so yet: plain documents, nothing asked or set.

Rules and statements of ours are known by their names; those of others are left as they are.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

LIFECYCLE_PREFIX: Final = "consentgate-"
STATEMENT_PREFIX: Final = "Consentgate"
PROBES: Final = "doctor"
"""Below the prefix: where `doctor s3` puts what it tries, and takes it away again."""

ABORT_DAYS: Final = 2
"""Ship sends a file in parts within minutes; what is older is of a ship that was killed and never came back."""

NONCURRENT_DAYS: Final = 90
"""Nothing of ours is ever replaced. What became an older version was removed or overwritten by somebody, and can be
fetched back for so long; what is locked stays longer."""

PROBE_DAYS: Final = 1

Rule = Mapping[str, Any]


def below(prefix: str, *parts: str) -> str:
    """Return a path below the prefix."""
    return "/".join(part for part in (prefix, *parts) if part)


def lifecycle(prefix: str) -> list[Rule]:
    """Return the rules for what was left in parts, for older versions, and for probes that could not be removed."""
    return [
        {
            "ID": f"{LIFECYCLE_PREFIX}recordings",
            "Status": "Enabled",
            "Filter": {"Prefix": f"{prefix}/" if prefix else ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABORT_DAYS},
            "NoncurrentVersionExpiration": {"NoncurrentDays": NONCURRENT_DAYS},
        },
        {
            "ID": f"{LIFECYCLE_PREFIX}{PROBES}",
            "Status": "Enabled",
            "Filter": {"Prefix": f"{below(prefix, PROBES)}/"},
            "Expiration": {"Days": PROBE_DAYS},
            "NoncurrentVersionExpiration": {"NoncurrentDays": PROBE_DAYS},
        },
    ]


def merged_lifecycle(there: Iterable[Rule], wanted: Iterable[Rule]) -> list[Rule] | None:
    """Return all rules with ours in their place; None if it is so already."""
    rules, ours = list(there), list(wanted)
    known = {str(one.get("ID")): one for one in rules}
    if all(_says(known.get(str(one["ID"]), {}), one) for one in ours):
        return None
    names = {one["ID"] for one in ours}
    return [*(one for one in rules if one.get("ID") not in names), *ours]


def _says(there: Rule, wanted: Rule) -> bool:
    """Tell whether a rule says all that is wanted; a server may add words of its own."""
    return all(
        _says(there.get(key, {}), value) if isinstance(value, Mapping) else there.get(key) == value
        for key, value in wanted.items()
    )


def statements(bucket: str, prefix: str, *, writer: str | None, tls: bool) -> list[Rule]:
    """Return what the policy should deny. writer: ship's identity (an ARN); tls: the bucket is reached by TLS."""
    arn = f"arn:aws:s3:::{bucket}"
    # By their years, not all below the prefix: what `doctor s3` tries it must be able to remove.
    kept = [f"{arn}/{below(prefix, *place)}" for place in (("2*",), ("anchors", "*"), ("incidents", "*"))]
    made: list[Rule] = []
    if writer:
        made.append(
            {
                "Sid": f"{STATEMENT_PREFIX}NoDelete",
                "Effect": "Deny",
                "Principal": {"AWS": [writer]},
                "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
                "Resource": kept,
            }
        )
        made.append(
            {
                "Sid": f"{STATEMENT_PREFIX}NoOverwrite",
                "Effect": "Deny",
                "Principal": {"AWS": [writer]},
                "Action": ["s3:PutObject"],
                "Resource": kept,
                # Of a PUT that could replace something, and not of the parts of a large one, which carry no such word.
                "Condition": {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
            }
        )
    if tls:
        made.append(
            {
                "Sid": f"{STATEMENT_PREFIX}OnlyTls",
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["s3:*"],
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        )
    return made


def merged_policy(there: str | None, wanted: Iterable[Rule]) -> dict[str, Any] | None:
    """Return the policy with our statements in their place; None if it is so already."""
    policy: dict[str, Any] = json.loads(there) if there else {"Version": "2012-10-17", "Statement": []}
    listed = policy.get("Statement", [])
    rules, ours = (listed if isinstance(listed, list) else [listed]), list(wanted)
    known = {str(one.get("Sid")): one for one in rules}
    if all(_canonical(known.get(str(one["Sid"]), {})) == _canonical(one) for one in ours):
        return None
    names = {one["Sid"] for one in ours}
    return {**policy, "Statement": [*(one for one in rules if one.get("Sid") not in names), *ours]}


def denies_without_tls(policy: str | None) -> bool:
    """Tell whether a policy refuses everybody who comes without TLS, in whosever words."""
    for one in json.loads(policy).get("Statement", []) if policy else []:
        secure = _canonical(one).get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
        if one.get("Effect") == "Deny" and secure == ["false"]:
            return True
    return False


def _canonical(value: Any) -> Any:  # noqa: ANN401  # JSON of any shape
    """Return a statement as every server tells it: some make a text of a list with one item, or of a truth."""
    if isinstance(value, Mapping):
        return {key: _canonical(one) for key, one in value.items()}
    if isinstance(value, list):
        return sorted(word for one in value for word in _canonical(one))
    return [str(value).lower() if isinstance(value, bool) else str(value)]
