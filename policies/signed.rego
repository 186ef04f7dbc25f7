# The release and each of its images is signed by somebody whom the environment trusts; where `signed_by` is asked for, by one
# of those.
package pratique.gates.signed

default allow := false

allow if {
	count(deny) == 0
	is_array(input.gates)
	every subject in subjects {
		count(subject.signers) > 0
	}
	every gate in input.gates {
		is_content(gate.signed_by)
	}
}

is_content(patterns) if {
	is_array(patterns)
	count(patterns) == 0
}

is_content(patterns) if {
	every subject in subjects {
		is_by_one_of(subject, patterns)
	}
}

subjects := array.concat([input.release.evidence], input.release.images)

deny contains {"reason": reason} if {
	some subject in subjects
	count(subject.signers) == 0
	reason := sprintf(
		"%s is not signed by anyone whom '%s' trusts (sign it by preparing its release again, or trust its signer)",
		[named(subject), input.environment.name],
	)
}

deny contains {"reason": reason} if {
	some gate in input.gates
	count(gate.signed_by) > 0
	some subject in subjects
	count(subject.signers) > 0
	not is_by_one_of(subject, gate.signed_by)
	reason := concat("", [
		named(subject), " is signed by ", concat(", ", [signer.name | some signer in subject.signers]), ", and the ", gate.by,
		" asks for a signature by ", concat(" or ", gate.signed_by), " (gates.signed_by): let one of them sign it",
	])
}

named(subject) := sprintf("%s@%s", [subject.repository, subject.digest])

is_by_one_of(subject, patterns) if {
	some pattern in patterns
	some signer in subject.signers
	regex.match(expression(pattern), signer.name)
}

# `*` stands for any characters, everything else for itself. The engine replaces one after the other, so the order counts.
expression(pattern) := concat("", ["^", replace(quoted(pattern), "*", ".*"), "$"])

quoted(pattern) := braced if {
	slashed := replace(pattern, `\`, `\\`)
	dotted := replace(replace(replace(slashed, ".", `\.`), "+", `\+`), "?", `\?`)
	anchored := replace(replace(replace(dotted, "^", `\^`), "$", `\$`), "|", `\|`)
	bracketed := replace(replace(replace(replace(anchored, "(", `\(`), ")", `\)`), "[", `\[`), "]", `\]`)
	braced := replace(replace(bracketed, "{", `\{`), "}", `\}`)
}
