#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# test.sh [--cluster]: installs what is missing, builds four times (release; address and
# undefined-behaviour sanitizers; thread sanitizer; clang), runs all tests in the first, in the second
# all that are about its code, those of threads in the third and the unit tests in the fourth
# (CMakePresets.json), and closes with one line that counts them all:
#     N passed, N failed, N skipped
# --cluster also installs Docker, Slurm and Swift, without which the tests with these count as skipped.
# Exit status: 0 when none failed, 1 when some did, 3 when something could not be built or run.
set -euo pipefail

PRESETS=(release asan tsan clang)

groups=(build test)
if (($# == 1)) && [[ $1 == --cluster ]]; then
	groups+=(cluster)
elif (($# > 0)); then
	echo "usage: test.sh [--cluster]" >&2
	exit 2
fi
top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
results=$(mktemp -d)
trap 'rm -r "$results"' EXIT

"$top/deploy/packages.sh" "${groups[@]}" || exit 3
cd "$top"
for preset in "${PRESETS[@]}"; do
	echo "test: building preset $preset"
	# run.sh may have turned the tests off in the same folder.
	cmake --preset "$preset" -DBUILD_TESTING=ON >/dev/null || exit 3
	cmake --build --preset "$preset" || exit 3
done

# Prints one word for each test in ctest's report $1: passed, failed or skipped. Only a test that
# asked for it is skipped; one that could not be started has failed.
outcomes() {
	python3 - "$1" <<-'EOF'
		import sys
		import xml.etree.ElementTree

		for case in xml.etree.ElementTree.parse(sys.argv[1]).iter("testcase"):
		    reason = case.find("skipped")
		    message = "" if reason is None else reason.get("message", "")
		    if case.get("status") == "run":
		        print("passed")
		    elif case.get("status") == "disabled" or message.startswith("SKIP_"):
		        print("skipped")
		    else:
		        print("failed")
	EOF
}

passed=0 failed=0 skipped=0
for preset in "${PRESETS[@]}"; do
	echo "test: running preset $preset"
	# ctest's own status also says "some failed"; the report tells that from "could not run".
	ctest --preset "$preset" --output-junit "$results/$preset.xml" || true
	if [[ ! -s $results/$preset.xml ]]; then
		echo "test: ctest left no report for preset $preset" >&2
		exit 3
	fi
	outcomes "$results/$preset.xml" >"$results/outcomes"
	while read -r outcome; do
		case $outcome in
		passed) passed=$((passed + 1)) ;;
		skipped) skipped=$((skipped + 1)) ;;
		*) failed=$((failed + 1)) ;;
		esac
	done <"$results/outcomes"
done
if ((passed + failed == 0)); then
	echo "test: there was no test to run" >&2
	failed=1
fi
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
