# A release comes from the environments before, by the ledger and by signed grants; one that is or was here has been granted here.
package pratique.gates.upstream

default allow := false

allow if {
	input.purpose == "promote"
	count(deny) == 0
	every before in input.environment.after {
		before in input.environment.granted_upstream
		before in granted
	}
}

allow if {
	input.purpose in {"rollback", "reverify"}
	count(deny) == 0
	input.environment.name in granted
}

granted := {grant.environment | some grant in input.chain.grants}

deny contains {"reason": reason} if {
	input.purpose == "promote"
	some before in input.environment.after
	not before in input.environment.granted_upstream
	reason := sprintf(
		"%s has not been granted in '%s', which '%s' comes after: promote it there",
		[label, before, input.environment.name],
	)
}

deny contains {"reason": no_grant(before)} if {
	input.purpose == "promote"
	some before in input.environment.after
	before in input.environment.granted_upstream
	not before in granted
}

deny contains {"reason": no_grant(input.environment.name)} if {
	input.purpose in {"rollback", "reverify"}
	not input.environment.name in granted
}

no_grant(environment) := concat("", [
	label, " has no grant in '", environment, "' that counts", why(environment), ": promote it there",
])

why(environment) := concat("", [": ", concat("; ", faults_in(environment))]) if count(faults_in(environment)) > 0

why(environment) := "" if count(faults_in(environment)) == 0

faults_in(environment) := [fault | some fault in input.chain.faults; contains(fault, sprintf(" '%s' ", [environment]))]

label := sprintf(
	"%s %s (%s)",
	[input.service, substring(input.release.commit.id, 0, 12), substring(input.release.digest, 7, 12)],
)
