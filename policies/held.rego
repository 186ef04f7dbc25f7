# Nobody, and no rollback, holds the environment; and the release is not one that it was gone back from.
package pratique.gates.held

default allow := false

allow if input.purpose in {"rollback", "reverify"}

allow if {
	input.purpose == "promote"
	count(deny) == 0
	count(wait) == 0
	every hold in input.holds {
		is_open(hold)
		is_string(hold.release)
		hold.release != input.release.digest
	}
}

is_open(hold) if hold.lifted == true

# To mend what is there brings nothing in.
is_open(_) if input.environment.holds == input.release.digest

deny contains {"reason": reason} if {
	input.purpose == "promote"
	some hold in input.holds
	hold.release == input.release.digest
	reason := sprintf(
		"'%s' was held after this very release%s, so it is not let in there again: deliver a newer commit",
		[input.environment.name, because(hold)],
	)
}

wait contains {"reason": reason, "until": null} if {
	input.purpose == "promote"
	some hold in input.holds
	not is_open(hold)
	reason := sprintf(
		"'%s' is held after %s%s: when it is mended, lift the hold with `pratique lift`",
		[input.environment.name, substring(hold.commit, 0, 12), because(hold)],
	)
}

because(hold) := sprintf(" (%s)", [hold.reason]) if hold.reason != ""

because(hold) := "" if hold.reason == ""
