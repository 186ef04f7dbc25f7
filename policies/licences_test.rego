package pratique.gates.licences_test

import data.pratique.gates.licences

asked := {"allow": ["MIT"], "deny": [], "unknown": "refuse"}

test_and_binds_more_tightly_than_or if {
	licences.is_let_in(asked, "MIT OR X AND Y")
}

test_one_of_both_is_not_enough if {
	not licences.is_let_in(asked, "MIT AND X")
}
