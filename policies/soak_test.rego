package pratique.gates.soak_test

import data.pratique.gates.soak

test_a_soak_is_over if {
	soak.allow with input.gates as [{"by": "service", "soak": 172800}]
}

test_a_soak_is_not_over if {
	not soak.allow with input.gates as [{"by": "service", "soak": 172801}]
}
