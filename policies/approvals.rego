# As many people as are asked for have approved this plan under this policy, and nobody of them has rejected it.
package pratique.gates.approvals

default allow := false

allow if input.purpose in {"rollback", "reverify"}

allow if {
	input.purpose == "promote"
	count(deny) == 0
	count(wait) == 0
	every gate in input.gates {
		is_answered(gate)
	}
}

is_answered(gate) if gate.approvals == null

# A release that is there already, looked at again by a repeated delivery: nobody is asked about nothing.
is_answered(_) if nothing_would_change

nothing_would_change if {
	input.environment.holds == input.release.digest
	is_string(input.plan.digest)
	count(input.plan.changes) == 0
}

# Whose word counts, and whose does not and why, has been decided before: pratique/decisions/counted.py.
is_answered(gate) if {
	is_array(input.approvals)
	is_array(gate.approvals.objections)
	count(gate.approvals.counted) >= gate.approvals.required
}

asking := [gate | some gate in input.gates; is_object(gate.approvals)]

deny contains {"reason": reason} if {
	input.purpose == "promote"
	count(asking) > 0
	not is_string(input.plan.digest)
	reason := sprintf(
		"'%s' asks for approvals (gates.approvals), and there is no plan to approve: plan the promotion first",
		[input.environment.name],
	)
}

deny contains {"reason": reason} if {
	input.purpose == "promote"
	some gate in asking
	eligible := count({person | some person in gate.approvals.people})
	eligible < gate.approvals.required
	reason := sprintf(
		"the %s asks for %d approvals by %d people (gates.approvals), which cannot be: name more people in `from`",
		[gate.by, gate.approvals.required, eligible],
	)
}

deny contains {"reason": reason} if {
	input.purpose == "promote"
	some gate in asking
	some rejection in gate.approvals.objections
	reason := sprintf("%s has rejected this plan%s: change what they object to", [rejection.by, because(rejection)])
}

wait contains {"reason": reason, "until": null} if {
	input.purpose == "promote"
	is_string(input.plan.digest)
	not nothing_would_change
	some gate in asking
	count(gate.approvals.counted) < gate.approvals.required
	reason := concat("", [
		sprintf("'%s' has %d of %d ", [input.environment.name, count(gate.approvals.counted), gate.approvals.required]),
		sprintf("approvals that the %s asks for (gates.approvals)", [gate.by]),
		so_far(gate.approvals), "; ", may(missing(gate.approvals)), others(gate.approvals),
	])
}

may(people) := concat("", [concat(", ", people), " may approve"]) if count(people) > 0

may(people) := "nobody else may approve" if count(people) == 0

so_far(asked) := concat("", [", by ", concat(", ", asked.counted)]) if count(asked.counted) > 0

so_far(asked) := "" if count(asked.counted) == 0

missing(asked) := sort([person |
	some person in asked.people
	not person in asked.counted
	not is_barred(asked, person)
])

is_barred(asked, person) if {
	asked.not_author == true
	some approval in input.approvals
	approval.by == person
	approval.is_author == true
}

others(asked) := concat("", ["; not counted: ", concat(", ", not_counted(asked))]) if count(asked.not_counted) > 0

others(asked) := "" if count(asked.not_counted) == 0

not_counted(asked) := sort([said |
	some approval in asked.not_counted
	said := concat("", [approval.by, " (", concat(", ", approval.why), ")"])
])

because(rejection) := sprintf(" (%s)", [rejection.reason]) if rejection.reason != ""

because(rejection) := "" if rejection.reason == ""
