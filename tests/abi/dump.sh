#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# dump.sh LIBRARY > libsciame.so.0.abi: the interface of a release, for the releases after it to be
# compared with. To be done once for each release, and at no other time.
set -euo pipefail
here=$(dirname -- "${BASH_SOURCE[0]}")
abidw --headers-dir "$here/../../library/include" --drop-private-types --no-corpus-path \
	--no-comp-dir-path --no-show-locs --no-elf-needed "$1" |
	sed -E "s,path='[^']*/(library|common|master|proto|build)/,path='\1/,"
