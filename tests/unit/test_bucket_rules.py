"""What a bucket is to be set to, laid over what others have set, as often as one likes."""

import json

import pytest

from ari_app import bucket_rules

SHIP = "arn:aws:iam::000000000000:user/ship"
OTHERS = {"ID": "archive", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 9}}


def test_the_lifecycle_keeps_the_rules_of_others_and_is_set_once():
    wanted = bucket_rules.lifecycle("calls")
    merged = bucket_rules.merged_lifecycle([OTHERS], wanted)
    assert merged == [OTHERS, *wanted]
    assert bucket_rules.merged_lifecycle(merged, wanted) is None
    # A server adds words of its own.
    assert bucket_rules.merged_lifecycle([{**one, "Transitions": []} for one in merged], wanted) is None


@pytest.mark.parametrize(
    "change",
    [{"Status": "Disabled"}, {"Filter": {"Prefix": ""}}, {"NoncurrentVersionExpiration": {"NoncurrentDays": 1}}],
)
def test_a_rule_of_ours_that_was_changed_is_put_right(change):
    wanted = bucket_rules.lifecycle("calls")
    assert bucket_rules.merged_lifecycle([OTHERS, {**wanted[0], **change}, wanted[1]], wanted) == [OTHERS, *wanted]


def test_no_rule_lets_a_current_recording_end():
    recordings, probes = bucket_rules.lifecycle("calls")
    assert "Expiration" not in recordings
    assert probes["Filter"] == {"Prefix": "calls/doctor/"}
    assert bucket_rules.lifecycle("")[0]["Filter"] == {"Prefix": ""}


def test_the_policy_keeps_the_statements_of_others_and_is_set_once():
    theirs = {"Sid": "Auditors", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "x"}
    wanted = bucket_rules.statements("recordings", "calls", writer=SHIP, tls=True)
    merged = bucket_rules.merged_policy(json.dumps({"Version": "2012-10-17", "Statement": theirs}), wanted)
    assert merged == {"Version": "2012-10-17", "Statement": [theirs, *wanted]}
    assert bucket_rules.merged_policy(json.dumps(merged), wanted) is None
    assert bucket_rules.merged_policy(None, wanted) == {"Version": "2012-10-17", "Statement": wanted}


def test_a_statement_that_a_server_tells_in_other_words_is_the_same():
    """SeaweedFS makes a text of a list with one item; Amazon sorts."""
    wanted = bucket_rules.statements("recordings", "calls", writer=SHIP, tls=True)
    told = json.loads(json.dumps(wanted))
    told[0]["Action"].reverse()
    told[0]["Principal"] = {"AWS": SHIP}
    told[2]["Action"] = "s3:*"
    assert bucket_rules.merged_policy(json.dumps({"Statement": told}), wanted) is None
    told[0]["Effect"] = "Allow"
    again = bucket_rules.merged_policy(json.dumps({"Statement": told}), wanted)
    assert again is not None
    assert again["Statement"] == wanted


def test_what_doctor_tries_it_can_remove_and_what_ship_stored_ship_cannot():
    remove, overwrite, _ = bucket_rules.statements("recordings", "calls", writer=SHIP, tls=True)
    assert remove["Resource"] == [
        "arn:aws:s3:::recordings/calls/2*",
        "arn:aws:s3:::recordings/calls/anchors/*",
        "arn:aws:s3:::recordings/calls/incidents/*",
    ]
    assert overwrite["Condition"]["Null"] == {"s3:if-none-match": "true"}
    assert bucket_rules.statements("b", "", writer=SHIP, tls=False)[0]["Resource"][0] == "arn:aws:s3:::b/2*"


def test_without_knowing_ship_or_without_tls_nothing_is_said_of_them():
    assert bucket_rules.statements("recordings", "calls", writer=None, tls=False) == []
    (only,) = bucket_rules.statements("recordings", "calls", writer=None, tls=True)
    assert only["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize(
    ("policy", "denies"),
    [
        (None, False),
        ({"Statement": []}, False),
        ({"Statement": bucket_rules.statements("r", "calls", writer=SHIP, tls=True)}, True),
        ({"Statement": [{"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": False}}}]}, True),
        ({"Statement": [{"Effect": "Allow", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}, False),
    ],
)
def test_whether_clear_text_is_refused_in_whosever_words(policy, denies):
    assert bucket_rules.denies_without_tls(json.dumps(policy) if policy else None) is denies
