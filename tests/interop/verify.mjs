// sigstore-js: verifies the bundle that comes on standard input with a key, and ends with 0 if it
// holds. No transparency log is asked for, and as many timestamps as the asker says.

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
const verifier = new Verifier(trust, {
  tlogThreshold: 0,
  ctlogThreshold: 0,
  timestampThreshold: asked.timestamps,
});
verifier.verify(toSignedEntity(bundleFromJSON(asked.bundle)));
