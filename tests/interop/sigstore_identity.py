"""sigstore-python: verifies a bundle that an identity signed, with its public verifier.

sigstore_identity.py IDENTITY ISSUER TRUSTED_ROOT.json BUNDLE.json
"""

import sys

from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier, policy

identity, issuer, root_file, bundle_file = sys.argv[1:]
with open(bundle_file, "rb") as file:
    bundle = Bundle.from_json(file.read())
verifier = Verifier(trusted_root=TrustedRoot.from_file(root_file))
kind, _ = verifier.verify_dsse(bundle, policy.Identity(identity=identity, issuer=issuer))
assert kind == "application/vnd.in-toto+json"
