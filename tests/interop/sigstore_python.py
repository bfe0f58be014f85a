"""sigstore-python: reads a bundle with its models and verifies the envelope with a key, by the function
that its own verifier calls with a certificate's key. Its public verifier takes no key.

sigstore_python.py KEY.pem BUNDLE.json
"""

import sys

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sigstore.dsse import Envelope, _verify
from sigstore_models.bundle.v1 import Bundle

key_file, bundle_file = sys.argv[1:]
with open(bundle_file, "rb") as file:
    bundle = Bundle.from_json(file.read())
with open(key_file, "rb") as file:
    key = load_pem_public_key(file.read())
assert bundle.media_type == "application/vnd.dev.sigstore.bundle.v0.3+json"
assert bundle.verification_material.public_key, "the bundle names no key"
envelope = Envelope(bundle.dsse_envelope)
assert bundle.dsse_envelope.payload_type == Envelope._TYPE
_verify(key, envelope)
