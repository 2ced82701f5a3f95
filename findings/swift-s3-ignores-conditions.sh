#!/usr/bin/env bash
# OpenStack Swift 2.30 (Debian 12), S3 API: `If-None-Match: *` on a PUT is accepted and has no effect.
#
# On AWS, and by RFC 9110 §13.1.2, a PUT with this header creates an object or fails with 412. Swift's own API knows it
# too. Its S3 API overwrites what is there with status 200, so a program that takes a lock by it holds one that another
# program holds as well. Only a try on an object that is known to exist shows it.
#
# Seen for two such PUTs of one object, and the object after them: 200 200 second
#
# fob tries it at start, and where it has no effect looks before it writes and says so in its log.
#
# Starts a server of its own in a temporary folder. Needs the packages swift-proxy, swift-account, swift-container,
# swift-object, memcached, and a curl that signs (7.75 or newer).
set -euo pipefail
for program in swift-proxy-server swift-account-server swift-container-server swift-object-server \
  swift-ring-builder memcached curl python3; do
  command -v $program >/dev/null || { echo "needs $program" >&2; exit 2; }
done
folder=$(mktemp -d)
children=()
trap 'kill "${children[@]}" 2>/dev/null || true; wait || true; rm -rf "$folder"' EXIT
mkdir -p "$folder/etc" "$folder/node/d1"
cd "$folder/etc"
user=$(id -un)
free_ports=$(python3 -c 'import socket
held = [socket.socket() for _ in range(5)]
for one in held: one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in held))')
read -r proxy account container object cache <<<"$free_ports"

head_of() { # PORT
  printf '[DEFAULT]\nswift_dir = %s\nuser = %s\nlog_level = WARNING\nworkers = 0\nbind_ip = 127.0.0.1\nbind_port = %s\n' \
    "$folder/etc" "$user" "$1"
}
printf '[swift-hash]\nswift_hash_path_suffix = probe\nswift_hash_path_prefix = probe\n' > swift.conf
for part in account container object; do
  swift-ring-builder $part.builder create 4 1 1 >/dev/null
  swift-ring-builder $part.builder add --region 1 --zone 1 --ip 127.0.0.1 --port "${!part}" --device d1 --weight 1 >/dev/null
  swift-ring-builder $part.builder rebalance >/dev/null
  {
    head_of "${!part}"
    printf 'devices = %s\nmount_check = false\ndisable_fallocate = true\n' "$folder/node"
    printf '[pipeline:main]\npipeline = %s-server\n[app:%s-server]\nuse = egg:swift#%s\n' $part $part $part
  } > $part.conf
done
{
  head_of "$proxy"
  cat <<CONF
[pipeline:main]
pipeline = catch_errors cache s3api tempauth proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
error_suppression_interval = 0
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$cache
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
CONF
} > proxy.conf
export SWIFT_DIR=$folder/etc
memcached -l 127.0.0.1 -p "$cache" -u "$user" >/dev/null 2>&1 & children+=($!)
for part in account container object proxy; do
  swift-$part-server "$folder/etc/$part.conf" >/dev/null 2>&1 & children+=($!)
done

s3() { # METHOD PATH BODY [curl arguments …]
  curl -s --noproxy '*' --aws-sigv4 aws:amz:us-east-1:s3 --user test:tester:testing -X "$1" --data-binary "$3" \
    -H "x-amz-content-sha256: $(printf %s "$3" | sha256sum | cut -d ' ' -f 1)" "http://127.0.0.1:$proxy$2" "${@:4}"
}
status() { s3 "$@" -o /dev/null -w '%{http_code}'; }
for _ in $(seq 600); do
  case $(status PUT /probe '' || true) in 200 | 409) break ;; esac
  sleep 0.2
done
condition='If-None-Match: *'
seen="$(status PUT /probe/lock first -H "$condition") $(status PUT /probe/lock second -H "$condition") $(s3 GET /probe/lock '')"
if [ "$seen" != '200 200 second' ]; then echo "changed: $seen" >&2; exit 1; fi
echo 'as described'
