"""The rules by which slsa-verifier judges a verification summary, one function each.

No registry has slsa-verifier itself as a package, so this is a checklist of what it documents and does:
`slsa-verifier verify-vsa` (README, "Verification Summary Attestations (VSA)"), which follows "How to
verify" of SLSA's `verification_summary`, v1.1, with the numbers of the steps there.

vsa_rules.py KEY.pem KEY-ID ENVELOPE.json EXPECTED.json

EXPECTED.json: {"digests": ["sha256:..."], "verifierId": ..., "resourceUri": ..., "levels": [...]}.
Prints the rules that fail and ends with 1 if there is one.
"""

import base64
import json
import sys
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

PAYLOAD_TYPE = "application/vnd.in-toto+json"
SUMMARY = "https://slsa.dev/verification_summary/v1"


def signature(key, key_id, envelope):
    """1: a signature with the key id that was given, over the payload (`--public-key-id`)."""
    body = base64.b64decode(envelope["payload"], validate=True)
    kind = envelope["payloadType"].encode()
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)
    for one in envelope["signatures"]:
        if one.get("keyid") == key_id:
            try:
                key.verify(base64.b64decode(one["sig"]), signed, ec.ECDSA(SHA256()))
                return envelope["payloadType"] == PAYLOAD_TYPE
            except InvalidSignature:
                pass
    return False


def types(statement):
    """3: the predicate's type; and every field of the type that Go's decoder gives it."""
    predicate = statement["predicate"]
    datetime.fromisoformat(predicate["timeVerified"].replace("Z", "+00:00"))
    descriptors = [predicate["policy"], *predicate.get("inputAttestations", [])]
    return (
        statement["predicateType"] == SUMMARY
        and all(isinstance(one.get("uri", ""), str) for one in descriptors)
        and all(
            isinstance(value, str)
            for one in [*descriptors, *statement["subject"]]
            for value in one.get("digest", {}).values()
        )
        and all(isinstance(level, int) for level in predicate.get("dependencyLevels", {}).values())
        and all(isinstance(value, str) for value in predicate["verifier"].get("version", {}).values())
    )


def subject(statement, expected):
    """2: every expected digest is one of a subject, algorithm and value exactly."""
    there = {f"{kind}:{value}" for one in statement["subject"] for kind, value in one["digest"].items()}
    return len(expected["digests"]) > 0 and there.issuperset(expected["digests"])


def verifier(statement, expected):
    """4: the verifier's id exactly."""
    there = statement["predicate"]["verifier"].get("id", "")
    return there != "" and there == expected["verifierId"]


def resource(statement, expected):
    """5: the resource's URI exactly."""
    there = statement["predicate"].get("resourceUri", "")
    return there != "" and there == expected["resourceUri"]


def result(statement):
    """6: PASSED."""
    return statement["predicate"].get("verificationResult") == "PASSED"


def tracks(levels):
    """`SLSA_<track>_LEVEL_<number>` as the highest number by track; any other `SLSA_` is an error."""
    highest = {}
    for level in levels:
        if level.startswith("SLSA_"):
            _, track, word, number = level.split("_", 3)
            if word != "LEVEL":
                raise ValueError(f"`{level}` is no SLSA level")
            highest[track] = max(highest.get(track, 0), int(number))
    return highest


def levels(statement, expected):
    """7: SLSA levels at least as high by track, every other level by its exact word."""
    there = statement["predicate"].get("verifiedLevels", [])
    found = tracks(there)
    wanted = tracks(expected["levels"])
    others = {level for level in expected["levels"] if not level.startswith("SLSA_")}
    return others.issubset(there) and all(
        track in found and found[track] >= number for track, number in wanted.items()
    )


def holds(rule, *arguments):
    try:
        return rule(*arguments)
    except (KeyError, TypeError, ValueError):
        return False


def main():
    key_file, key_id, envelope_file, expected_file = sys.argv[1:]
    with open(key_file, "rb") as file:
        key = load_pem_public_key(file.read())
    with open(envelope_file, encoding="utf-8") as file:
        envelope = json.load(file)
    with open(expected_file, encoding="utf-8") as file:
        expected = json.load(file)
    statement = json.loads(base64.b64decode(envelope["payload"]))
    failing = [] if holds(signature, key, key_id, envelope) else ["signature"]
    failing += [rule.__name__ for rule in (types, result) if not holds(rule, statement)]
    failing += [
        rule.__name__
        for rule in (subject, verifier, resource, levels)
        if not holds(rule, statement, expected)
    ]
    print(" ".join(failing))
    sys.exit(1 if failing else 0)


main()
