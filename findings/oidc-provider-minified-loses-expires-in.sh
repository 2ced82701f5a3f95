#!/usr/bin/env bash
# oidc-provider 9.13.3, bundled by Bun 1.4.5: once names or syntax are minified, `expires_in` is missing from the
# responses of its token endpoint.
#
# The library finds lifetimes by the names of its classes at run time. Renamed classes raise no error: the server works,
# and every token looks as if it had no end. `--keep-names` does not help. Minified white space does no harm.
#
# Seen, fields of a token response:
#   not minified, --minify-whitespace         access_token expires_in token_type
#   --minify-syntax, --minify-identifiers     access_token token_type
#
# fob is built with `--minify-whitespace` alone, and its tests drive the compiled program.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --prefix . --no-audit --no-fund --loglevel=error bun@1.4.5 oidc-provider@9.13.3 >&2
node node_modules/bun/install.js

cat > server.ts <<'TS'
import http from 'node:http'
import Provider from 'oidc-provider'
const secret = 'a-secret-of-nobody-a-secret-of-nobody'
const provider = new Provider('http://127.0.0.1', {
  clients: [
    { client_id: 'probe', client_secret: secret, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
  ],
  features: { clientCredentials: { enabled: true } },
  ttl: { ClientCredentials: 600 },
})
const server = http.createServer(provider.callback())
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address() as { port: number }
const response = await fetch(`http://127.0.0.1:${port}/token`, {
  method: 'POST',
  headers: { authorization: `Basic ${btoa(`probe:${secret}`)}` },
  body: new URLSearchParams({ grant_type: 'client_credentials' }),
})
console.log('fields:', Object.keys(await response.json()).sort().join(' '))
process.exit(0)
TS
fields() {
  node_modules/.bin/bun build server.ts --target=bun --outfile=bundle.js "$@" >/dev/null
  node_modules/.bin/bun bundle.js 2>/dev/null | sed -n 's/^fields: //p'
}
for flags in '' --minify-whitespace; do
  [ "$(fields $flags)" = 'access_token expires_in token_type' ] || { echo "changed: ${flags:-not minified}" >&2; exit 1; }
done
for flags in --minify-syntax --minify-identifiers '--minify-identifiers --keep-names'; do
  [ "$(fields $flags)" = 'access_token token_type' ] || { echo "changed: $flags" >&2; exit 1; }
done
echo 'as described'
