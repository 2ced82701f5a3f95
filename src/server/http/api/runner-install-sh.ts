/** The script that `GET /api/runners/install.sh` returns. */
/**
 * A shell script that checks whether a machine can be a runner: it sends the runner's token to this server once. The
 * token comes from the environment and goes to curl through a pipe, so it is in no process list.
 * @param server the address of the server, which ends up in single quotes
 */
export function runnerCheckScript(server: string): string {
  return `#!/bin/sh
# Checks that this machine can reach ${server.replaceAll(/[\r\n]/g, '')} as a runner.
#   FOB_RUNNER_TOKEN=rn_... sh install.sh
set -eu
server='${server.replaceAll("'", String.raw`'\''`)}'
if [ -z "\${FOB_RUNNER_TOKEN:-}" ]; then
  echo 'fob: FOB_RUNNER_TOKEN is not set' >&2
  echo 'hint: fob runners create NAME prints a token' >&2
  exit 2
fi
command -v curl >/dev/null || { echo 'fob: curl is needed' >&2; exit 2; }
version=$(fob version 2>/dev/null | sed -n '1s/^fob //p' | tr -cd 'A-Za-z0-9.+-')
printf 'header = "X-Runner-Token: %s"\\n' "$FOB_RUNNER_TOKEN" |
  curl --fail --silent --show-error --config - --header 'content-type: application/json' \\
    --data "{\\"status\\":\\"offline\\",\\"version\\":\\"\${version:-none}\\"}" "$server/api/runners/heartbeat" >/dev/null
echo "This machine can be a runner of $server" >&2
if [ -z "$version" ]; then echo 'hint: fob itself is not installed here yet' >&2; fi
`
}
