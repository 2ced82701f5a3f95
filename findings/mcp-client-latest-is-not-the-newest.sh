#!/usr/bin/env bash
# @modelcontextprotocol/client 2.4.0: `LATEST_PROTOCOL_VERSION` is 2025-11-25, although the client speaks 2026-07-28.
#
# The newer revision is in no exported list, and a client without options never offers it: it sends `initialize`.
# Only with `versionNegotiation: { mode: 'auto' }` does it begin with `server/discover` and the newer revision.
#
# Seen, the first request:
#   without options    initialize 2025-11-25
#   mode auto          server/discover 2026-07-28
#
# fob's tests of /mcp name the revision of each client.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --prefix . --no-audit --no-fund --loglevel=error @modelcontextprotocol/client@2.4.0 >&2

cat > probe.mjs <<'JS'
import * as mcp from '@modelcontextprotocol/client'
console.log(mcp.LATEST_PROTOCOL_VERSION, mcp.SUPPORTED_PROTOCOL_VERSIONS.includes('2026-07-28'))
for (const options of [undefined, { versionNegotiation: { mode: 'auto' } }]) {
  const client = new mcp.Client({ name: 'probe', version: '1' }, options)
  let first
  const fetch = async (_, { body }) => {
    first ??= JSON.parse(body)
    return new Response('', { status: 404 })
  }
  const url = new URL('http://127.0.0.1:9/mcp')
  await client.connect(new mcp.StreamableHTTPClientTransport(url, { fetch })).catch(() => {})
  const { method, params } = first
  console.log(method, params.protocolVersion ?? params._meta['io.modelcontextprotocol/protocolVersion'])
}
process.exit(0)
JS
seen=$(node probe.mjs)
expected='2025-11-25 false
initialize 2025-11-25
server/discover 2026-07-28'
if [ "$seen" != "$expected" ]; then printf 'changed:\n%s\n' "$seen" >&2; exit 1; fi
echo 'as described'
