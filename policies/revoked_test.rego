package pratique.gates.revoked_test

import data.pratique.gates.revoked

test_what_nobody_revoked_comes_in if {
	revoked.allow
}

test_what_was_revoked_does_not if {
	not revoked.allow with input.revocations as [{"by": "bob", "reason": ""}]
}

test_without_revocations_nothing_comes_in if {
	not revoked.allow with input.revocations as null
}
