package pratique.gates.held_test

import data.pratique.gates.held

test_without_holds_a_release_comes_in if {
	held.allow
}

test_a_hold_keeps_it_out if {
	not held.allow with input.holds as [{"release": "b", "lifted": false, "commit": "1", "reason": ""}]
}
