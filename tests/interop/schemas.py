"""Validates the predicates that are the project's own against their schemas in `docs/schemas/`.

schemas.py SCHEMAS ENVELOPE.dsse.json...

Prints every way in which a statement is not of its schema, and ends with 1 if there is one. Statements with
other predicates are passed over; that none is left is an error, since it would check nothing.
"""

import base64
import json
import pathlib
import sys

import jsonschema

SCHEMAS = {
    "urn:kmatrix:rebuild-comparison:v1": "rebuild-comparison-v1.schema.json",
    "urn:kmatrix:release-scope:v1": "release-scope-v1.schema.json",
}


def main(directory, *envelopes):
    checked = failed = 0
    for name in envelopes:
        envelope = json.loads(pathlib.Path(name).read_bytes())
        statement = json.loads(base64.b64decode(envelope["payload"], validate=True))
        file = SCHEMAS.get(statement["predicateType"])
        if file is None:
            continue
        schema = json.loads(pathlib.Path(directory, file).read_bytes())
        validator = jsonschema.Draft202012Validator(
            schema, format_checker=jsonschema.FormatChecker()
        )
        checked += 1
        for error in validator.iter_errors(statement["predicate"]):
            failed += 1
            print(f"{name}: {error.json_path}: {error.message}")
    if checked == 0:
        print("no statement has a predicate of the project's own")
    return 0 if checked and not failed else 1


sys.exit(main(*sys.argv[1:]))
