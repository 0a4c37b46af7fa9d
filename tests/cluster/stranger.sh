#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Inside a container of a stranger, who has no keys: floods the ports of a master until it is
# killed, with connections that say nothing and with connections that say nonsense.
#     stranger.sh HOST PORT...
set -u

readonly SILENT=200 # connections at a time that are held open without a word

host=$1
shift
count=0
descriptors=()
while true; do
	for port in "$@"; do
		# nobody may be there any more, or want to hear us
		{ head -c 512 /dev/urandom >"/dev/tcp/$host/$port"; } 2>/dev/null
		# shellcheck disable=SC2188 # nothing is said
		if { exec {descriptor}<>"/dev/tcp/$host/$port"; } 2>/dev/null; then
			descriptors+=("$descriptor")
		fi
		((count += 2))
	done
	while ((${#descriptors[@]} > SILENT)); do
		descriptor=${descriptors[0]}
		exec {descriptor}>&-
		descriptors=("${descriptors[@]:1}")
	done
	((count % 100 >= 2 * $#)) || echo "$count" # connections so far
done
