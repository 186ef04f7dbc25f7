package pratique.gates.upstream_test

import data.pratique.gates.upstream

test_what_was_granted_before_comes_in if {
	upstream.allow
}

test_what_nobody_signed_does_not if {
	not upstream.allow with input.chain.grants as []
}
