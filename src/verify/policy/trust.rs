//! Whom a policy trusts to have signed at all: its keys and trust roots.

use super::Policy;
use crate::verify::{Refused, Trust};

impl Policy {
    /// Returns the trust in the keys and roots that stand beside the policy. A signer that it names by
    /// digest or identity alone needs a key or a root from elsewhere.
    ///
    /// # Errors
    ///
    /// A key or a root that cannot be used.
    pub fn trust(&self) -> Result<Trust, Refused> {
        let trust = Trust::keys(self.keys())?;
        self.trust_roots
            .iter()
            .try_fold(trust, |trust, root| trust.with_root(&root.bytes))
    }
}
