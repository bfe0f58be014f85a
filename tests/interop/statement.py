"""in-toto-attestation: reads statements as the framework's own types and validates them.

statement.py STATEMENT.json...

The types know every field of a statement and of the predicates that the framework has types for; a
field that they do not know is refused there, save where a predicate's specification has extensions.
"""

import json
import sys

from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.predicates.scai.v0 import scai_pb2
from in_toto_attestation.predicates.scai.v0.scai import AttributeReport
from in_toto_attestation.predicates.vsa.v1 import vsa_pb2
from in_toto_attestation.v1 import resource_descriptor_pb2, statement_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement


def provenance(predicate):
    read = json_format.ParseDict(predicate, provenance_pb2.Provenance())
    assert read.build_definition.build_type, "a build type is required"
    assert read.run_details.builder.id, "a builder is required"
    assert len(read.build_definition.external_parameters) > 0, "external parameters are required"
    for descriptor in read.build_definition.resolved_dependencies:
        ResourceDescriptor.copy_from_pb(descriptor).validate()
    for descriptor in read.run_details.byproducts:
        ResourceDescriptor.copy_from_pb(descriptor).validate()


def summary(predicate):
    # SLSA lets a summary have extension fields whose names hold the extender's (spec v1.2).
    plain = {key: value for key, value in predicate.items() if "_" not in key}
    # The types are behind SLSA 1.0: a verifier has no version there, an input is no whole descriptor, and
    # one word is the level.
    plain["verifier"] = {"id": predicate["verifier"]["id"]}
    inputs = predicate.get("inputAttestations", [])
    for one in inputs:
        read = json_format.ParseDict(one, resource_descriptor_pb2.ResourceDescriptor())
        ResourceDescriptor.copy_from_pb(read).validate()
    known = ("uri", "digest")
    plain["inputAttestations"] = [{key: one[key] for key in known if key in one} for one in inputs]
    levels = predicate["verifiedLevels"]
    assert isinstance(levels, list) and levels, "levels are a list"
    for level in levels:
        plain["verifiedLevels"] = level
        read = json_format.ParseDict(plain, vsa_pb2.VerificationSummary())
    assert read.verifier.id, "a verifier is required"
    assert read.resource_uri, "a resource is required"
    assert read.policy.uri or read.policy.digest, "a policy is required"
    assert read.verification_result in ("PASSED", "FAILED"), "the result is PASSED or FAILED"
    assert read.HasField("time_verified"), "a time is required"


def scai(predicate):
    read = json_format.ParseDict(predicate, scai_pb2.AttributeReport())
    AttributeReport(list(read.attributes)).validate()


PREDICATES = {
    "https://slsa.dev/provenance/v1": provenance,
    "https://slsa.dev/verification_summary/v1": summary,
    "https://in-toto.io/attestation/scai/v0.3": scai,
}

for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as file:
        statement = json.load(file)
    parsed = json_format.ParseDict(statement, statement_pb2.Statement())
    Statement.copy_from_pb(parsed).validate()
    check = PREDICATES.get(statement["predicateType"])
    if check:
        check(statement["predicate"])
