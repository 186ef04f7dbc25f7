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

is_answered(gate) if {
	is_array(input.approvals)
	every approval in input.approvals {
		approval.kind in {"approve", "reject"}
		is_string(approval.plan)
	}
	count(counted(gate.approvals)) >= gate.approvals.required
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
	some rejection in input.approvals
	rejection.kind == "reject"
	rejection.plan == input.plan.digest
	is_heard(gate.approvals, rejection)
	reason := sprintf("%s has rejected this plan%s: change what they object to", [rejection.by, because(rejection)])
}

wait contains {"reason": reason, "until": null} if {
	input.purpose == "promote"
	is_string(input.plan.digest)
	not nothing_would_change
	some gate in asking
	count(counted(gate.approvals)) < gate.approvals.required
	reason := concat("", [
		sprintf("'%s' has %d of %d ", [input.environment.name, count(counted(gate.approvals)), gate.approvals.required]),
		sprintf("approvals that the %s asks for (gates.approvals)", [gate.by]),
		so_far(gate.approvals), "; ", may(missing(gate.approvals)), others(gate.approvals),
	])
}

# Each person once, however often they said it.
counted(asked) := {approval.by |
	some approval in input.approvals
	does_count(asked, approval)
}

does_count(asked, approval) if {
	approval.kind == "approve"
	is_heard(asked, approval)
	may_be_the_author(asked, approval)
	approval.plan == input.plan.digest
	approval.policy == input.policy
	approval.made_at <= input.now + clocks
	approval.made_at + asked.expires > input.now
	lasts(approval)
}

is_heard(asked, approval) if {
	approval.by in asked.people
	approval.is_click == false
}

is_heard(asked, approval) if {
	approval.by in asked.people
	approval.is_click == true
	asked.clicks == true
}

may_be_the_author(_, approval) if approval.is_author == false

may_be_the_author(asked, _) if asked.not_author == false

lasts(approval) if approval.expires_at == null

lasts(approval) if approval.expires_at > input.now

# Clocks of two machines differ by so many seconds at most.
clocks := 300

may(people) := concat("", [concat(", ", people), " may approve"]) if count(people) > 0

may(people) := "nobody else may approve" if count(people) == 0

so_far(asked) := concat("", [", by ", concat(", ", sort(counted(asked)))]) if count(counted(asked)) > 0

so_far(asked) := "" if count(counted(asked)) == 0

missing(asked) := sort([person |
	some person in asked.people
	not person in counted(asked)
	not is_barred(asked, person)
])

is_barred(asked, person) if {
	asked.not_author == true
	some approval in input.approvals
	approval.by == person
	approval.is_author == true
}

others(asked) := concat("", ["; not counted: ", concat(", ", not_counted(asked))]) if count(not_counted(asked)) > 0

others(asked) := "" if count(not_counted(asked)) == 0

not_counted(asked) := sort([said |
	some approval in input.approvals
	approval.kind == "approve"
	not does_count(asked, approval)
	said := concat("", [approval.by, " (", concat(", ", sort(why_not(asked, approval))), ")"])
])

why_not(asked, approval) := [found[0] |
	some found in [
		["nobody of `from`", not_among(asked, approval)],
		["a click, which proves nobody", unproved(asked, approval)],
		["the commit's author", barred(asked, approval)],
		["another plan", differs(approval.plan, input.plan.digest)],
		["another policy", differs(approval.policy, input.policy)],
		["expired", expired(asked, approval)],
		["made in the future", early(approval)],
	]
	found[1] == true
]

default not_among(_, _) := true

not_among(asked, approval) := false if approval.by in asked.people

default unproved(_, _) := false

unproved(asked, approval) if {
	approval.is_click == true
	asked.clicks == false
}

default barred(_, _) := false

barred(asked, approval) if {
	asked.not_author == true
	approval.is_author == true
}

default differs(_, _) := true

differs(one, other) := false if one == other

default expired(_, _) := true

expired(asked, approval) := false if {
	approval.made_at + asked.expires > input.now
	lasts(approval)
}

default early(_) := false

early(approval) if approval.made_at > input.now + clocks

because(rejection) := sprintf(" (%s)", [rejection.reason]) if rejection.reason != ""

because(rejection) := "" if rejection.reason == ""
