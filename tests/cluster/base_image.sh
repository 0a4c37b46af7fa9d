#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes the image debian:bookworm-slim from Debian's packages where no image can be pulled, in the
# Docker that the environment names: base_image.sh CACHE
# The folder CACHE keeps it as a tarball, whose name follows from the recipe: the next call, or another
# daemon, needs seconds. Only this machine's own sources of apt are asked.
set -euo pipefail

readonly SUITE=bookworm
readonly IMAGE=debian:$SUITE-slim

say() { echo "base image: $*" >&2; }
die() {
	say "$*"
	exit 1
}

# Prints a line "URI SUITE COMPONENTS" for each source of the suite, as apt understands them.
apt_sources() {
	# shellcheck disable=SC2016 # apt's own placeholders
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		awk -v suite="$SUITE" '
			$2 == suite || index($2, suite "-") == 1 {
				source = $1 " " $2
				if (!(source in components)) order[++count] = source
				if (index(components[source] " ", " " $3 " ") == 0)
					components[source] = components[source] " " $3
			}
			END { for (i = 1; i <= count; i++) print order[i] components[order[i]] }'
}

mirror() { apt_sources | awk -v suite="$SUITE" '$2 == suite { sub("/$", "", $1); print $1; exit }'; }

# What this machine needs to reach its mirror a container needs as well. Passwords stay here.
apt_settings() {
	apt-config dump | grep -E '^Acquire::(https?::(Proxy|Timeout|Pipeline-Depth)|Retries|ForceIPv4|https?::Proxy::[^ ]*|Check-Valid-Until|Check-Date) "[^"]' || true
}

# All that the tarball depends on.
recipe() {
	echo "$SUITE $(dpkg --print-architecture) $(mirror)"
	apt_sources
	apt_settings
	declare -f make_root trim_root
}

# As in the official image: no lists, archives, manuals or translations; licences stay.
trim_root() {
	local root=$1
	find "$root/usr/share/doc" -type f ! -name copyright -delete
	find "$root/usr/share/doc" -depth -type d -empty -delete
	rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/archives/*.deb \
		"$root"/usr/share/{man,locale}/* "$root"/var/log/* "$root"/etc/{resolv.conf,hostname}
	mkdir -p "$root/var/log/apt"
}

make_root() {
	local root=$1
	chmod 755 "$root" # of mktemp it is 0700, which would shut out every user but root
	timeout 600 unshare --mount debootstrap --variant=minbase "$SUITE" "$root" "$(mirror)"
	apt_sources |
		sed 's#^#deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] #' \
			>"$root/etc/apt/sources.list"
	apt_settings >"$root/etc/apt/apt.conf.d/99machine"
	printf '%s\n' 'Acquire::Languages "none";' 'Acquire::GzipIndexes "true";' \
		'Dir::Cache::pkgcache "";' 'Dir::Cache::srcpkgcache "";' \
		'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };' \
		>"$root/etc/apt/apt.conf.d/docker-clean"
	printf '%s\n' force-unsafe-io 'path-exclude /usr/share/doc/*' \
		'path-include /usr/share/doc/*/copyright' 'path-exclude /usr/share/man/*' \
		'path-exclude /usr/share/locale/*' >"$root/etc/dpkg/dpkg.cfg.d/docker"
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod 755 "$root/usr/sbin/policy-rc.d"
	timeout 300 chroot "$root" apt-get -qq update
	DEBIAN_FRONTEND=noninteractive timeout 300 chroot "$root" apt-get -qq -y dist-upgrade
	trim_root "$root"
}

# Under another name first: half a tarball must not be taken for the whole one.
make_tarball() {
	local tarball=$1 root status=0
	say "debootstrap $SUITE from $(mirror)"
	root=$(mktemp -d "$CACHE/root.XXXXXX")
	# in the background, because errexit is off in what stands before ||
	make_root "$root" >"$CACHE/debootstrap.log" 2>&1 &
	wait $! || status=$?
	if ((status == 0)); then
		tar --numeric-owner --one-file-system -C "$root" -cf "$tarball.part" .
		mv "$tarball.part" "$tarball"
	fi
	rm -rf --one-file-system "$root"
	((status == 0)) || die "failed: $(tail -n 5 "$CACHE/debootstrap.log")"
}

if (($# != 1)); then
	sed -n '3,4s/^# //p' "$0" >&2
	exit 2
fi
mkdir -p "$1"
CACHE=$(cd "$1" && pwd -P)
[[ $(mirror) ]] || die "apt has no source for $SUITE on this machine"
key=$(recipe | sha256sum | cut -c1-16)
label=$(docker image inspect -f '{{index .Config.Labels "recipe"}}' "$IMAGE" 2>/dev/null) || label=
if [[ $label != "$key" ]]; then
	tarball=$CACHE/$SUITE-$key.tar
	[[ -s $tarball ]] || make_tarball "$tarball"
	docker import --change 'CMD ["bash"]' --change "LABEL recipe=$key" - "$IMAGE" \
		<"$tarball" >/dev/null
fi
