# Every environment before has held the release for as long as is asked for; counted from the signed grant there.
package pratique.gates.soak

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

is_answered(gate) if gate.soak == null

is_answered(gate) if {
	is_number(gate.soak)
	count(input.environment.after) > 0
	every before in input.environment.after {
		some grant in input.chain.grants
		grant.environment == before
		grant.granted_at + gate.soak <= input.now
	}
}

deny contains {"reason": reason} if {
	input.purpose == "promote"
	some gate in input.gates
	is_number(gate.soak)
	some before in input.environment.after
	not before in {grant.environment | some grant in input.chain.grants}
	reason := sprintf(
		"nothing proves since when '%s' has had %s, which has to stay there for %s (gates.soak of the %s): promote it there",
		[before, label, told(gate.soak), gate.by],
	)
}

# What nothing comes before has nothing to be held in: that is no yes.
deny contains {"reason": reason} if {
	input.purpose == "promote"
	some gate in input.gates
	is_number(gate.soak)
	count(input.environment.after) == 0
	reason := sprintf(
		"the %s asks that %s stays in the environments before for %s (gates.soak), and none comes before '%s': %s",
		[gate.by, label, told(gate.soak), input.environment.name, "let it come after one (`after`), or ask for no soak"],
	)
}

wait contains {"reason": reason, "until": until} if {
	input.purpose == "promote"
	some gate in input.gates
	is_number(gate.soak)
	some grant in input.chain.grants
	grant.environment in input.environment.after
	until := grant.granted_at + gate.soak
	until > input.now
	reason := sprintf(
		"%s has to stay in '%s' for %s before it comes into '%s' (gates.soak of the %s)",
		[label, grant.environment, told(gate.soak), input.environment.name, gate.by],
	)
}

told(seconds) := sprintf("%dd", [floor(seconds / 86400)]) if {
	floor(seconds / 86400) * 86400 == seconds
} else := sprintf("%dh", [floor(seconds / 3600)]) if {
	floor(seconds / 3600) * 3600 == seconds
} else := sprintf("%dm", [floor(seconds / 60)]) if {
	floor(seconds / 60) * 60 == seconds
} else := sprintf("%ds", [seconds])

label := sprintf(
	"%s %s (%s)",
	[input.service, substring(input.release.commit.id, 0, 12), substring(input.release.digest, 7, 12)],
)
