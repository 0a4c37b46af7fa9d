#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A Docker daemon of a test's own, where there is root but perhaps no service manager:
#   ground.sh up DIR     start it; all that it keeps lies below DIR and /run/grNNNNNNNN
#   ground.sh env DIR    print NAME=VALUE lines for the environment of its clients
#   ground.sh down DIR   stop it and take back everything that it changed outside DIR
#   ground.sh hold DIR   up, env and an empty line; down at the end of stdin, which comes also
#                        when whoever holds the other end is killed
# GROUND_STORAGE and GROUND_XTABLES (nft, legacy) overrule what is found out.
#
# Two daemons in one network namespace would share the bridge docker0 and the iptables chain DOCKER,
# which each start flushes. So this one has a network namespace, whose bridges and rules go with
# it, and a mount namespace, so that no mount outlives it. Published ports therefore answer on
# GROUND_ADDRESS, not on the machine's 127.0.0.1.
set -euo pipefail

say() { echo "ground: $*" >&2; }
die() {
	say "$*"
	exit 1
}

# Polls a command until it succeeds: within SECONDS WHAT COMMAND...
within() {
	local seconds=$1 what=$2 end
	shift 2
	end=$((SECONDS + seconds))
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || {
			say "not within $seconds s: $what"
			return 1
		}
		sleep 0.1
	done
}

# All names follow from DIR, so that "down" also clears up after an "up" that was killed.
place() {
	local sum slot
	mkdir -p "$1"
	DIR=$(cd "$1" && pwd -P)
	sum=$(printf %s "$DIR" | cksum | cut -d' ' -f1)
	ID=$(printf 'gr%08x' "$sum")
	RUN=/run/$ID # short, because addresses of sockets hold 108 bytes
	NETNS=$RUN/netns
	HOST_LINK=${ID}h
	NS_LINK=${ID}n
	# 198.18.0.0/15 is for benchmarks (RFC 2544): nobody's network is hidden by it.
	slot=$((sum % 16384 * 4))
	HOST_ADDR=198.18.$((slot / 256)).$((slot % 256 + 1))
	NS_ADDR=198.18.$((slot / 256)).$((slot % 256 + 2))
	export DOCKER_HOST=unix://$RUN/docker.sock DOCKER_CONFIG=$DIR/client PATH=$RUN/bin:$PATH
	unset DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH
}

# ---- what this machine can do

# Only a mount tells whether the file system of DIR takes an overlay; vfs copies whole layers.
storage_driver() {
	local probe driver=vfs
	probe=$(mktemp -d "$DIR/probe.XXXXXX")
	mkdir "$probe"/{lower,upper,work,merged}
	# shellcheck disable=SC2016 # for the inner shell
	if unshare --mount bash -c 'mount -t overlay overlay -o \
		"lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/work" "$1/merged"' - "$probe" \
		2>/dev/null; then
		driver=overlay2
	fi
	rm -rf "$probe"
	echo "${GROUND_STORAGE:-$driver}"
}

# Which iptables this kernel understands: by the rules that dockerd needs, in a namespace that
# is thrown away.
xtables_work() {
	# shellcheck disable=SC2016 # for the inner shell
	unshare --net bash -euc '
		"$1" -w 5 -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j ACCEPT
		"$1" -w 5 -t nat -A POSTROUTING -s 198.19.0.0/24 ! -o lo -j MASQUERADE
		"$1" -w 5 -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
	' - "iptables-$1" >/dev/null 2>&1
}

xtables_flavour() {
	local flavour
	for flavour in ${GROUND_XTABLES:-nft legacy}; do
		if xtables_work "$flavour"; then
			echo "$flavour"
			return
		fi
	done
	die "neither iptables-nft nor iptables-legacy can make the rules that dockerd needs"
}

# The hierarchy that keeps count of our processes; any will do.
cgroup_root() {
	local root
	for root in /sys/fs/cgroup/{pids,freezer,devices}; do
		if [[ -d $root ]]; then
			echo "$root"
			return
		fi
	done
	[[ -f /sys/fs/cgroup/cgroup.controllers ]] || die "no cgroups below /sys/fs/cgroup"
	echo /sys/fs/cgroup
}

uplink_mtu() {
	local device
	device=$(ip -4 route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n1)
	cat "/sys/class/net/${device:-lo}/mtu"
}

# ---- network

in_net() { nsenter --net="$NETNS" -- "$@"; }

# FORWARD gets accepts at its head, because another dockerd sets its policy to DROP.
host_rules() {
	local iptables=iptables-$1 operation=$2
	"$iptables" -w 5 -t nat "$operation" POSTROUTING -s "$NS_ADDR/32" ! -o "$HOST_LINK" \
		-j MASQUERADE &&
		"$iptables" -w 5 "$operation" FORWARD -i "$HOST_LINK" -j ACCEPT &&
		"$iptables" -w 5 "$operation" FORWARD -o "$HOST_LINK" -j ACCEPT
}

# A veth pair joins the namespace to the machine, which masquerades for it.
network_up() {
	local flavour=$1 mtu
	[[ -s $DIR/forward.before ]] || cat /proc/sys/net/ipv4/ip_forward >"$DIR/forward.before"
	mtu=$(uplink_mtu)
	touch "$NETNS"
	unshare --net="$NETNS" true
	ip link add "$HOST_LINK" mtu "$mtu" type veth peer name "$NS_LINK" mtu "$mtu" netns "$NETNS"
	ip addr add "$HOST_ADDR/30" dev "$HOST_LINK"
	ip link set "$HOST_LINK" up
	in_net ip link set lo up
	in_net ip addr add "$NS_ADDR/30" dev "$NS_LINK"
	in_net ip link set "$NS_LINK" up
	in_net ip route add default via "$HOST_ADDR"
	echo 1 >/proc/sys/net/ipv4/ip_forward
	host_rules "$flavour" -I
	# Networks of compose keep an MTU of 1500 whatever dockerd is told; where the way out is
	# narrower, TCP must hear of it in its handshake.
	in_net "iptables-$flavour" -w 5 -t mangle -A FORWARD -o "$NS_LINK" -p tcp \
		--tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu ||
		say "no TCPMSS here: large packets may get lost on the way out"
}

network_down() {
	local flavour
	flavour=$(cat "$DIR/flavour" 2>/dev/null || true)
	if [[ $flavour ]]; then
		# until none is left, however many starts were killed
		while host_rules "$flavour" -D 2>/dev/null; do :; done
	fi
	if ip link show "$HOST_LINK" >/dev/null 2>&1; then ip link del "$HOST_LINK"; fi
	while mountpoint -q "$NETNS" 2>/dev/null; do umount "$NETNS"; done
	rm -f "$NETNS" "$DIR/flavour"
	# Forwarding goes back only if we turned it on and nobody else lives on it by now.
	if [[ $(cat "$DIR/forward.before" 2>/dev/null) == 0 ]] &&
		! ip -o link show | grep -qE ': (gr[0-9a-f]{8}h|docker0)[@:]'; then
		echo 0 >/proc/sys/net/ipv4/ip_forward
	fi
	rm -f "$DIR/forward.before"
}

# ---- daemon

# A pid may have been used again: ours has our own pid file on its command line.
daemon_pid() {
	local pid
	pid=$(cat "$RUN/dockerd.pid" 2>/dev/null) || return 1
	grep -qzFx -- "--pidfile=$RUN/dockerd.pid" "/proc/$pid/cmdline" 2>/dev/null || return 1
	echo "$pid"
}

answers() { timeout 5 docker info; }

# Runs inside the new namespaces. The tmpfs cover folders whose names are compiled in, and which
# several daemons would share otherwise.
# shellcheck disable=SC2016 # for the inner shell
readonly DAEMON='
	echo $$ >"$1/cgroup.procs"
	shift
	for folder in /run/containerd /run/docker /etc/docker; do
		mount -t tmpfs -o mode=711 ground "$folder"
	done
	exec "$@"'

daemon_start() {
	local flavour cgroup tool child
	flavour=$(xtables_flavour)
	cgroup=$(cgroup_root)/$ID/daemon
	mkdir -p "$DIR"/{data,client} "$RUN"/{bin,exec,xtables} "$cgroup" \
		/run/{containerd,docker} /etc/docker
	# docker-compose looks for docker in PATH, where a foreign one may come first
	ln -sfn /usr/bin/docker "$RUN/bin/docker"
	# dockerd takes the first iptables in PATH; the machine's alternatives stay as they are
	for tool in iptables ip6tables; do
		ln -sfn "$(command -v "$tool-$flavour")" "$RUN/xtables/$tool"
	done
	echo "$flavour" >"$DIR/flavour"
	network_up "$flavour"
	echo '{"default-address-pools": [{"base": "198.19.0.0/16", "size": 24}]}' \
		>"$DIR/daemon.json"
	PATH=$RUN/xtables:$PATH setsid nsenter --net="$NETNS" -- \
		unshare --mount --propagation slave -- bash -euc "$DAEMON" - "$cgroup" \
		/usr/sbin/dockerd \
		--config-file="$DIR/daemon.json" \
		--data-root="$DIR/data" \
		--exec-root="$RUN/exec" \
		--pidfile="$RUN/dockerd.pid" \
		--host="$DOCKER_HOST" \
		--storage-driver="$(storage_driver)" \
		--cgroup-parent="/$ID" \
		--mtu="$(uplink_mtu)" \
		>"$DIR/dockerd.log" 2>&1 </dev/null 9>&- &
	child=$!
	# shellcheck disable=SC2317 # it is called by name
	up_or_dead() { answers || ! kill -0 "$child"; }
	within 60 "docker info answers" up_or_dead || true
	if ! answers >/dev/null 2>&1; then
		tail -n 20 "$DIR/dockerd.log" >&2
		daemon_stop
		die "dockerd did not come up"
	fi
}

# The processes of the daemon, all of which are in one tree of cgroups.
ours() {
	local root
	root=$(cgroup_root)/$ID
	if [[ -d $root ]]; then find "$root" -name cgroup.procs -exec cat {} +; fi
}
none_ours() { [[ -z $(ours 2>/dev/null) ]]; }

# Repeated by the caller: a process may fork between the list and the signal. A paused container
# hears no signal, so all are thawed first.
kill_ours() {
	local file
	find /sys/fs/cgroup -path "*/$ID*" -name freezer.state | while read -r file; do
		echo THAWED >"$file" || true
	done
	find /sys/fs/cgroup -path "*/$ID*" -name cgroup.freeze | while read -r file; do
		echo 0 >"$file" || true
	done
	# shellcheck disable=SC2046 # numbers
	kill -KILL $(ours) || true
	none_ours
}

no_cgroups() {
	[[ -z $(find /sys/fs/cgroup -depth -type d -path "*/$ID*" -exec rmdir {} + 2>&1) ]]
}

daemon_stop() {
	local pid running folder
	if pid=$(daemon_pid); then
		# dockerd would wait for the grace time of each container
		running=$(timeout 10 docker ps -q 2>/dev/null) || running=
		if [[ $running ]]; then
			# shellcheck disable=SC2086 # identifiers
			timeout 30 docker rm -f $running >/dev/null 2>&1 || true
		fi
		kill -TERM "$pid" 2>/dev/null || true
		# shellcheck disable=SC2317 # it is called by name
		gone() { ! daemon_pid; }
		within 30 "dockerd $pid ends" gone || true
	fi
	# shims end a moment after their daemon
	within 3 "its processes end by themselves" none_ours ||
		within 10 "killed processes end" kill_ours || true
	network_down
	within 10 "the cgroups of $ID go" no_cgroups || true
	for folder in /run/containerd /run/docker /etc/docker; do
		rmdir "$folder" 2>/dev/null || true # not ours, or not empty: others need it
	done
	none_ours || die "still running: $(ours | xargs)"
	rm -rf --one-file-system "$RUN"
}

# Starts and stops of one DIR must not cross. The daemon itself must not hold the lock (9>&-).
locked() {
	exec 9>"$DIR/lock"
	flock -w 120 9 || die "another ground.sh holds $DIR"
}

up() {
	locked
	if ! daemon_pid >/dev/null || ! answers >/dev/null 2>&1; then
		daemon_stop # what one that was killed may have left
		daemon_start
	fi
	exec 9>&-
}

down() {
	locked
	daemon_stop
	exec 9>&-
}

print_env() {
	printf '%s\n' "DOCKER_HOST=$DOCKER_HOST" "DOCKER_CONFIG=$DOCKER_CONFIG" "PATH=$PATH" \
		"GROUND_ADDRESS=$NS_ADDR"
}

hold() {
	trap down EXIT
	trap 'exit 143' TERM
	up
	print_env
	echo
	cat >/dev/null
}

if (($# != 2)) || [[ $1 != @(up|env|down|hold) ]]; then
	sed -n '3,9s/^# //p' "$0" >&2
	exit 2
fi
((EUID == 0)) || die "only root may start a Docker daemon"
place "$2"
case $1 in
env) print_env ;;
*) "$1" ;;
esac
