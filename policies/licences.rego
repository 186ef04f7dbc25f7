# Every component of the images has a licence that is let in.
package pratique.gates.licences

default allow := false

allow if input.purpose == "rollback"

allow if {
	input.purpose in {"promote", "reverify"}
	count(deny) == 0
	every gate in input.gates {
		is_answered(gate)
	}
}

is_answered(gate) if gate.licences == null

is_answered(gate) if {
	is_array(gate.licences.allow)
	is_array(gate.licences.deny)
	gate.licences.unknown in {"allow", "refuse"}
	every image in input.release.images {
		is_array(image.bill.components)
		count(image.faults) == 0
		is_licensed_as(gate.licences, image)
	}
	every licence in licences {
		is_fine(gate.licences, licence)
	}
}

is_licensed_as(asked, _) if asked.unknown == "allow"

is_licensed_as(_, image) if count(unlicensed(image)) == 0

is_fine(_, licence) if is_unknown(licence)

is_fine(asked, licence) if is_let_in(asked, licence)

asking := [gate | some gate in input.gates; is_object(gate.licences)]

applies if {
	input.purpose in {"promote", "reverify"}
	count(asking) > 0
}

deny contains {"reason": reason} if {
	applies
	some image in input.release.images
	not is_array(image.bill.components)
	reason := sprintf("no bill of materials of %s by anyone who is trusted is attached to it: prepare the release again", [named(image)])
}

deny contains {"reason": reason} if {
	applies
	some image in input.release.images
	some fault in image.faults
	reason := sprintf("what is attached to %s cannot be read: %s (prepare the release again)", [named(image), fault])
}

deny contains {"reason": reason, "finding": licence} if {
	applies
	some gate in asking
	some licence in licences
	not is_unknown(licence)
	not is_let_in(gate.licences, licence)
	reason := concat("", [
		having(licence), " has the licence ", licence, ", which the ", gate.by, " does not let in (gates.licences): ",
		"use something else, or let two people except one: gate licences, and its licence as the finding",
	])
}

deny contains {"reason": reason} if {
	applies
	some gate in asking
	gate.licences.unknown != "allow"
	some image in input.release.images
	count(unlicensed(image)) > 0
	reason := concat("", [
		"nobody knows the licence of ", listed(unlicensed(image)), " in ", named(image), ", and the ", gate.by,
		" asks for it (gates.licences.unknown): let the bill of materials say it",
	])
}

# Each licence once: components are many, licences are few.
licences := {licence |
	some image in input.release.images
	some component in image.bill.components
	some licence in component.licences
}

having(licence) := listed([component.name |
	some image in input.release.images
	some component in image.bill.components
	some one in component.licences
	one == licence
])

unlicensed(image) := [component.name |
	some component in image.bill.components
	not is_licensed(component)
]

is_licensed(component) if {
	count(component.licences) > 0
	every licence in component.licences {
		is_known(licence)
	}
}

is_known(licence) if {
	is_string(licence)
	not is_unknown(licence)
}

is_unknown(licence) if upper(licence) in {"", "NONE", "NOASSERTION", "UNKNOWN"}

listed(names) := concat(", ", names) if count(names) <= 5

listed(names) := concat("", [
	concat(", ", array.slice(names, 0, 5)),
	sprintf(" and %d more", [count(names) - 5]),
]) if {
	count(names) > 5
}

# The whole text as one licence, or as an expression that comes out true: `T` and `F` in place of each licence in it, then
# what is in the innermost parentheses by its value, as often as they are nested. Deeper ones are not let in.
is_let_in(asked, licence) if {
	not is_expression(licence)
	is_allowed(asked, licence)
}

is_let_in(asked, licence) if {
	is_expression(licence)
	reduced(reduced(reduced(reduced(reduced(reduced(concat("", ["(", valued(asked, licence), ")"]))))))) == "T"
}

is_expression(licence) if regex.match(`[()]| AND | OR | WITH `, licence)

valued(asked, licence) := text if {
	spaced := replace(replace(replace(licence, " WITH ", "\tWITH\t"), "(", " ( "), ")", " ) ")
	words := [word | some word in split(spaced, " "); word != ""]
	trues := {word: "T" | some word in words; is_true(asked, replace(word, "\t", " "))}
	values := object.union(trues, {"(": "(", ")": ")", "AND": "AND", "OR": "OR"})
	spelled := concat(" ", [value | some word in words; value := object.get(values, word, "F")])
	text := replace(replace(spelled, "( ", "("), " )", ")")
}

is_true(asked, licence) if {
	not is_unknown(licence)
	is_allowed(asked, licence)
}

is_true(asked, licence) if {
	is_unknown(licence)
	asked.unknown == "allow"
}

# AND binds more tightly than OR: https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/
reduced(text) := last if {
	none := regex.replace(text, `([TF] AND )*F( AND [TF])*`, "F")
	every_one := regex.replace(none, `T( AND T)+`, "T")
	some_one := regex.replace(every_one, `\(([TF] OR )*T( OR [TF])*\)`, "T")
	last := regex.replace(some_one, `\(F( OR F)*\)`, "F")
}

is_allowed(asked, licence) if {
	not is_among(asked.deny, licence)
	count(asked.allow) == 0
}

is_allowed(asked, licence) if {
	not is_among(asked.deny, licence)
	is_among(asked.allow, licence)
}

is_among(patterns, licence) if {
	some pattern in patterns
	lower(pattern) == lower(licence)
}

is_among(patterns, licence) if {
	some pattern in patterns
	endswith(pattern, "*")
	startswith(lower(licence), lower(trim_suffix(pattern, "*")))
}

named(image) := sprintf("%s@%s", [image.repository, image.digest])
