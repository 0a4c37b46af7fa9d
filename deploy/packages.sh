#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs the Debian packages that are missing: packages.sh build|run|test|cluster|sample ...
#   build    what compiles and runs sciame
#   run      what runs it, once it is compiled
#   test     what its tests need besides
#   cluster  Docker, Slurm and Swift, for the tests with these; none of their daemons is started
#   sample   what run.sh makes its sample pictures with
# Does nothing, and needs no rights, when all are there.
set -euo pipefail

BUILD_PACKAGES=(
	build-essential cmake ninja-build pkg-config protobuf-c-compiler
	libzmq3-dev libprotobuf-c-dev libvips-dev libjpeg62-turbo-dev libdeflate-dev
	libcurl4-openssl-dev libxml2-dev libjansson-dev libuchardet-dev libsodium-dev libsqlite3-dev
	libseccomp-dev
)
RUN_PACKAGES=(
	libzmq5 libprotobuf-c1 libvips42 libjpeg62-turbo libdeflate0 libcurl4 libxml2 libjansson4
	libuchardet0 libsodium23 libsqlite3-0 libseccomp2 ca-certificates
)
TEST_PACKAGES=(abigail-tools libcmocka-dev python3 clang clang-format libvips-tools libimage-exiftool-perl chromium fuse3 libfuse3-dev iproute2
	iptables)
CLUSTER_PACKAGES=(docker.io docker-compose debootstrap iproute2 iptables munge slurm-wlm
	memcached python3-swift)
SAMPLE_PACKAGES=(libvips-tools)

POLICY=/usr/sbin/policy-rc.d # who says whether the services of new packages are started

fail() {
	echo "packages.sh: $*" >&2
	exit 3
}

# Prints the packages of "$@" that are not installed.
missing() {
	local package
	for package in "$@"; do
		if [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) != installed ]]
		then
			echo "$package"
		fi
	done
}

as_root() {
	if ((EUID == 0)); then
		"$@"
	else
		sudo -- "$@"
	fi
}

wanted=()
for group in "$@"; do
	case $group in
	build) wanted+=("${BUILD_PACKAGES[@]}") ;;
	run) wanted+=("${RUN_PACKAGES[@]}") ;;
	test) wanted+=("${TEST_PACKAGES[@]}") ;;
	cluster) wanted+=("${CLUSTER_PACKAGES[@]}") ;;
	sample) wanted+=("${SAMPLE_PACKAGES[@]}") ;;
	*)
		echo "usage: packages.sh build|run|test|cluster|sample ..." >&2
		exit 2
		;;
	esac
done
if ((${#wanted[@]} == 0)); then
	echo "usage: packages.sh build|run|test|cluster|sample ..." >&2
	exit 2
fi

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	fail "this is not Debian (no apt-get); install what these packages hold: ${wanted[*]}"
fi
mapfile -t packages < <(missing "${wanted[@]}")
if ((${#packages[@]} == 0)); then
	echo "packages: all ${#wanted[@]} are installed ($*)"
	exit 0
fi
if ((EUID != 0)) && ! command -v sudo >/dev/null; then
	fail "not root, and no sudo; as root: apt-get install ${packages[*]}"
fi
echo "packages: installing ${packages[*]}"
# The tests start daemons of their own: those of the machine are not to start because of them.
if [[ " $* " == *" cluster "* && ! -e $POLICY ]]; then
	trap 'as_root rm -f "$POLICY"' EXIT
	printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
	as_root chmod 755 "$POLICY"
fi
as_root apt-get update -q
# Through env, because sudo drops variables.
as_root env DEBIAN_FRONTEND=noninteractive \
	apt-get install -y -q --no-install-recommends "${packages[@]}"
