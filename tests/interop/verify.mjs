// sigstore-js: verifies the bundle that comes on standard input, and ends with 0 if it holds.
//
// Signed by a key, no transparency log is asked for, and as many timestamps as the asker says. Signed by
// an identity, everything is asked for that sigstore-js asks for by itself.

import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { bundleFromJSON } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';

const asked = JSON.parse(readFileSync(0, 'utf8'));
const trust = toTrustMaterial(TrustedRoot.fromJSON(asked.root), (hint) => {
  if (hint !== asked.hint) {
    throw new Error(`the bundle names another key: ${hint}`);
  }
  return { publicKey: createPublicKey(asked.key), validFor: () => true };
});
const signed = toSignedEntity(bundleFromJSON(asked.bundle));
if (asked.identity) {
  new Verifier(trust).verify(signed, {
    subjectAlternativeName: asked.identity,
    extensions: { issuer: asked.issuer },
  });
} else {
  const thresholds = { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: asked.timestamps };
  new Verifier(trust, thresholds).verify(signed);
}
