# A window is open and no freeze closes it; a release that the environment holds already changes nothing there.
package pratique.gates.windows

default allow := false

allow if input.purpose in {"rollback", "reverify"}

allow if {
	input.purpose == "promote"
	is_here
}

allow if {
	input.purpose == "promote"
	input.environment.opening.is_open == true
}

is_here if input.environment.holds == input.release.digest

wait contains {"reason": reason, "until": input.environment.opening.changes_at} if {
	input.purpose == "promote"
	input.environment.opening.is_open == false
	not is_here
	reason := sprintf("'%s' is %s", [input.environment.name, input.environment.opening.words])
}
