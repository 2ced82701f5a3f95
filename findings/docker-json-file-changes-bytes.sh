#!/usr/bin/env bash
# Docker Engine 20.10.24: the default log driver, `json-file`, does not return what a container has printed.
#
# Each byte that is not UTF-8 becomes U+FFFD, three bytes. `docker logs` is so neither the output nor of its length, and
# a position counted in one is wrong in the other. The driver `local` returns the bytes. Live output (`attach`) has them
# with both.
#
# Seen for the bytes ff fe 6f 6b: json-file: efbfbdefbfbd6f6b, local: fffe6f6b
#
# fob creates its containers with the log driver `local`, as it continues after a restart by counting bytes.
#
# Starts a daemon of its own in a temporary folder. Needs root on Linux, dockerd, docker and a static busybox.
set -euo pipefail
for program in dockerd docker tar od; do command -v $program >/dev/null || { echo "needs $program" >&2; exit 2; }; done
[ "$(id -u)" = 0 ] && [ -x /bin/busybox ] || { echo 'needs root and /bin/busybox (static)' >&2; exit 2; }
folder=$(mktemp -d)
export DOCKER_HOST=unix://$folder/docker.sock
dockerd --host="$DOCKER_HOST" --data-root="$folder/data" --exec-root="$folder/exec" --pidfile="$folder/pid" \
  --iptables=false --bridge=none --storage-driver=vfs >"$folder/log" 2>&1 &
daemon=$!
trap 'kill $daemon; wait $daemon || true; rm -rf "$folder"' EXIT
for _ in $(seq 600); do docker version >/dev/null 2>&1 && break; sleep 0.2; done

mkdir -p "$folder/root/bin"
cp /bin/busybox "$folder/root/bin/"
tar -C "$folder/root" -c . | docker import - probe >/dev/null
logged() {
  docker run --name "$1" --network none --log-driver "$1" probe /bin/busybox printf '\377\376ok' >/dev/null
  docker logs "$1" | od -An -tx1 | tr -d ' \n'
}
seen="json-file: $(logged json-file), local: $(logged local)"
if [ "$seen" != 'json-file: efbfbdefbfbd6f6b, local: fffe6f6b' ]; then echo "changed: $seen" >&2; exit 1; fi
echo 'as described'
