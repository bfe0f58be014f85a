"""securesystemslib: verifies a raw DSSE envelope with a public key. Ends with 0 if it holds.

dsse.py KEY.pem ENVELOPE.json
"""

import json
import sys

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

key_file, envelope_file = sys.argv[1:]
with open(envelope_file, encoding="utf-8") as file:
    read = json.load(file)
with open(key_file, "rb") as file:
    public = load_pem_public_key(file.read())
# The envelope says which key, and only the key that is given counts.
key = SSlibKey.from_crypto(public, keyid=read["signatures"][0]["keyid"])
Envelope.from_dict(read).verify([key], threshold=1)
