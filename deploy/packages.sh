#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs the Debian packages that are missing: packages.sh build|test|sample ...
#   build   what compiles and runs sciame
#   test    what its tests need besides
#   sample  what run.sh makes its sample pictures with
# Does nothing, and needs no rights, when all are there.
set -euo pipefail

BUILD_PACKAGES=(
	build-essential cmake ninja-build pkg-config protobuf-c-compiler
	libzmq3-dev libprotobuf-c-dev libvips-dev libjpeg62-turbo-dev libdeflate-dev
	libcurl4-openssl-dev libxml2-dev libjansson-dev libuchardet-dev libsodium-dev libsqlite3-dev
	libseccomp-dev
)
TEST_PACKAGES=(libcmocka-dev python3 clang clang-format libvips-tools chromium fuse3 libfuse3-dev)
SAMPLE_PACKAGES=(libvips-tools)

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
	test) wanted+=("${TEST_PACKAGES[@]}") ;;
	sample) wanted+=("${SAMPLE_PACKAGES[@]}") ;;
	*)
		echo "usage: packages.sh build|test|sample ..." >&2
		exit 2
		;;
	esac
done
if ((${#wanted[@]} == 0)); then
	echo "usage: packages.sh build|test|sample ..." >&2
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
as_root apt-get update -q
# Through env, because sudo drops variables.
as_root env DEBIAN_FRONTEND=noninteractive \
	apt-get install -y -q --no-install-recommends "${packages[@]}"
