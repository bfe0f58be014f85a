"""Validates predicates against their schemas, and package URLs against their rules.

schemas.py SCHEMAS ENVELOPE.dsse.json...

The project's own predicates are held against the files in SCHEMAS (`docs/schemas/`), a CycloneDX document against
the official schema, which cyclonedx-python-lib has with those that it refers to. Prints every way in which a
statement is not of its schema, and ends with 1 if there is one. Statements with other predicates are only looked
through for package URLs; that no schema was asked is an error, since it would check nothing.
"""

import base64
import importlib.resources
import json
import pathlib
import sys

import jsonschema
import referencing
from packageurl import PackageURL
from referencing.jsonschema import DRAFT7

OWN = {
    "urn:kmatrix:audit:v1": "audit-v1.schema.json",
    "urn:kmatrix:evidence-archive:v1": "evidence-archive-v1.schema.json",
    "urn:kmatrix:rebuild-comparison:v1": "rebuild-comparison-v1.schema.json",
    "urn:kmatrix:release-scope:v1": "release-scope-v1.schema.json",
}
CYCLONEDX = "https://cyclonedx.org/bom"


def own(directory, file):
    schema = json.loads(pathlib.Path(directory, file).read_bytes())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


def cyclonedx():
    folder = importlib.resources.files("cyclonedx.schema") / "_res"
    read = lambda name: json.loads((folder / f"{name}.SNAPSHOT.schema.json").read_text())
    others = [
        (other["$id"], referencing.Resource.from_contents(other, default_specification=DRAFT7))
        for other in map(read, ["spdx", "jsf-0.82"])
    ]
    registry = referencing.Registry().with_resources(others)
    return jsonschema.Draft7Validator(read("bom-1.6"), registry=registry)


def package_urls(value):
    if isinstance(value, dict):
        for one in value.values():
            yield from package_urls(one)
    elif isinstance(value, list):
        for one in value:
            yield from package_urls(one)
    elif isinstance(value, str) and value.startswith("pkg:"):
        yield value


def faults(directory, statement):
    """Returns the faults of a statement, and whether there was a schema to ask."""
    kind, predicate = statement["predicateType"], statement["predicate"]
    if kind == CYCLONEDX:
        validator = cyclonedx()
    elif kind in OWN:
        validator = own(directory, OWN[kind])
    else:
        validator = None
    found = []
    if validator is not None:
        found = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(predicate)]
    for url in package_urls(predicate):
        try:
            PackageURL.from_string(url)
        except ValueError as error:
            found.append(f"{url}: {error}")
    return found, validator is not None


def main(directory, *envelopes):
    asked = failed = 0
    for name in envelopes:
        envelope = json.loads(pathlib.Path(name).read_bytes())
        statement = json.loads(base64.b64decode(envelope["payload"], validate=True))
        found, has_schema = faults(directory, statement)
        asked += has_schema
        failed += len(found)
        for fault in found:
            print(f"{name}: {fault}")
    if not asked:
        print("no statement has a predicate with a schema")
    return 0 if asked and not failed else 1


sys.exit(main(*sys.argv[1:]))
