# Of each severity no more findings than are let in, over all images, by scans that are new enough.
package pratique.gates.vulnerabilities

default allow := false

allow if input.purpose == "rollback"

allow if {
	input.purpose in {"promote", "reverify"}
	count(deny) == 0
	every gate in input.gates {
		is_answered(gate)
	}
}

is_answered(gate) if gate.vulnerabilities == null

is_answered(gate) if {
	every severity in severities {
		is_within(gate.vulnerabilities[severity], severity)
	}
	is_new_enough(gate.vulnerabilities.scanned_within)
	every image in input.release.images {
		count(image.scans) > 0
		count(image.faults) == 0
		every scan in image.scans {
			is_readable(scan)
		}
	}
}

severities := ["critical", "high", "medium", "low", "unknown"]

is_within(most, _) if most == null

is_within(most, severity) if {
	is_number(most)
	count(counted(severity)) <= most
}

is_new_enough(within) if within == null

is_new_enough(within) if {
	is_number(within)
	every image in input.release.images {
		finished := newest(image)
		finished + within >= input.now
		finished <= input.now + clocks
	}
}

# Clocks of two machines differ by so many seconds at most.
clocks := 300

newest(image) := max([scan.finished_at | some scan in image.scans; is_number(scan.finished_at)])

is_readable(scan) if {
	is_number(scan.finished_at)
	every finding in scan.findings {
		is_string(finding.id)
		finding.severity in severities
	}
}

# A finding counts once, in however many packages and images it is. One that two people have excepted does not.
counted(severity) := {finding.id |
	some image in input.release.images
	some scan in image.scans
	some finding in scan.findings
	finding.severity == severity
	not finding.id in excepted
}

excepted := {exception.finding |
	some exception in input.exceptions
	exception.gate == "vulnerabilities"
	exception.finding != ""
	exception.expires_at > input.now
}

asking := [gate | some gate in input.gates; is_object(gate.vulnerabilities)]

applies if {
	input.purpose in {"promote", "reverify"}
	count(asking) > 0
}

deny contains {"reason": reason} if {
	applies
	some gate in asking
	some severity in severities
	is_number(gate.vulnerabilities[severity])
	most := gate.vulnerabilities[severity]
	found := count(counted(severity))
	found > most
	reason := concat("", [
		sprintf("%d ", [found]), of_severity(found, severity),
		sprintf(" in the images, and the %s lets in %d: ", [gate.by, most]),
		first(severity), more(found), " (", remedy, ")",
	])
}

deny contains {"reason": reason} if {
	applies
	some image in input.release.images
	count(image.scans) == 0
	reason := sprintf("no scan of %s by anyone who is trusted is attached to it: prepare the release again", [named(image)])
}

deny contains {"reason": reason} if {
	applies
	some image in input.release.images
	some fault in image.faults
	reason := sprintf("what is attached to %s cannot be read: %s (prepare the release again)", [named(image), fault])
}

deny contains {"reason": reason} if {
	applies
	some image in input.release.images
	some scan in image.scans
	not is_readable(scan)
	reason := sprintf(
		"a scan of %s cannot be read: a finding needs an id, and a severity from critical to low or unknown (prepare the release again)",
		[named(image)],
	)
}

deny contains {"reason": reason} if {
	applies
	some gate in asking
	is_number(gate.vulnerabilities.scanned_within)
	some image in input.release.images
	newest(image) + gate.vulnerabilities.scanned_within < input.now
	reason := sprintf(
		"the newest scan of %s is older than the %s lets in (gates.vulnerabilities.scanned_within): scan it again",
		[named(image), gate.by],
	)
}

deny contains {"reason": reason} if {
	applies
	some image in input.release.images
	newest(image) > input.now + clocks
	reason := sprintf("the newest scan of %s is dated in the future: set the clocks, and scan it again", [named(image)])
}

remedy := "build on what has them mended, or let two people except one: gate vulnerabilities, and its id as the finding"

first(severity) := concat(", ", array.slice(sort([id | some id in counted(severity)]), 0, 10))

more(found) := sprintf(" and %d more", [found - 10]) if found > 10

more(found) := "" if found <= 10

of_severity(found, severity) := concat("", [of(severity), " finding"]) if found == 1

of_severity(found, severity) := concat("", [of(severity), " findings"]) if found != 1

of(severity) := severity if severity != "unknown"

of(severity) := "unrated" if severity == "unknown"

named(image) := sprintf("%s@%s", [image.repository, image.digest])
