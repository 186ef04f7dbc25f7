package pratique.gates.signed_test

import data.pratique.gates.signed

test_a_signed_release_comes_in if {
	signed.allow
}

test_an_unsigned_one_does_not if {
	not signed.allow with input.release.evidence.signers as []
}
