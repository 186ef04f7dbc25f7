package pratique.gates.windows_test

import data.pratique.gates.windows

test_an_open_window_lets_in if {
	windows.allow
}

test_a_closed_one_does_not if {
	not windows.allow with input.environment.opening.is_open as false
}
