package pratique.gates.vulnerabilities_test

import data.pratique.gates.vulnerabilities

test_where_nobody_asks_everything_comes_in if {
	vulnerabilities.allow
}

test_what_is_not_scanned_stays_out if {
	not vulnerabilities.allow with input.gates as [{"by": "service", "vulnerabilities": {"critical": 0}}]
}
