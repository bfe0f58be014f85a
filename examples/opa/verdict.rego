# Decides by the document of `kmatrix verify --format json`:
#
#     kmatrix verify ... --format json | opa eval --fail -I -d verdict.rego 'data.kmatrix.allow == true'
#
# The verdict already says whether the policy holds; this is for what a platform wants beside that.
package kmatrix

import rego.v1

default allow := false

allow if {
	input.schemaVersion == 1
	input.passed
	count(deny) == 0
}

# Nothing passes here by an exception.
deny contains message if {
	some module in input.modules
	some rule in module.verdict.rules
	rule.outcome == "excepted"
	message := sprintf("%s passes `%s` by an exception: %s", [module.path, rule.rule, rule.because])
}

# Production takes full and constrained alone, whatever the policy asks for.
deny contains message if {
	some module in input.modules
	not module.verdict.tier in {"full", "constrained"}
	message := sprintf("%s is %s", [module.path, object.get(module.verdict, "tier", "without a tier")])
}
