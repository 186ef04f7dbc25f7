# Nobody has revoked the release.
package pratique.gates.revoked

default allow := false

allow if {
	is_array(input.revocations)
	count(input.revocations) == 0
}

deny contains {"reason": reason} if {
	some revocation in input.revocations
	reason := sprintf("%s was revoked by %s%s: deliver a newer commit", [label, revocation.by, because(revocation)])
}

because(revocation) := sprintf(" (%s)", [revocation.reason]) if revocation.reason != ""

because(revocation) := "" if revocation.reason == ""

label := sprintf(
	"%s %s (%s)",
	[input.service, substring(input.release.commit.id, 0, 12), substring(input.release.digest, 7, 12)],
)
