package pratique.gates.approvals_test

import data.pratique.gates.approvals

test_where_nobody_asks_everything_comes_in if {
	approvals.allow
}

test_nobody_is_not_one if {
	not approvals.allow with input.gates as [{"by": "service", "approvals": {"required": 1, "people": ["bob"]}}]
}
