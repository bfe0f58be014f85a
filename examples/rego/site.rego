# What a site wants beside its policy: named in `[[rego]]` of a policy of `kmatrix`, and the same file in
#
#     cosign verify-attestation --policy site.rego --type slsaprovenance1 ...
#
# `input` is the in-toto statement. Both ask `data.signature.allow`, which must be true; `kmatrix` also shows the
# reasons in `deny`.
package signature

import rego.v1

default allow := false

allow if count(deny) == 0

# Modules of this site are built by its own builders.
deny contains message if {
	input.predicateType == "https://slsa.dev/provenance/v1"
	builder := input.predicate.runDetails.builder.id
	not startswith(builder, "urn:kmatrix:builder:")
	message := sprintf("the builder %s is not ours", [builder])
}

# A kernel's warnings must not be turned off.
deny contains message if {
	some option in input.predicate.buildDefinition.externalParameters.module.make
	contains(option, "-w")
	message := sprintf("the make variable %s turns warnings off", [option])
}
