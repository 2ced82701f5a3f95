#!/usr/bin/env bash
# openid-client 6.8.9: a token endpoint's error is not read when the response also has a `WWW-Authenticate` header.
#
# RFC 6749 §5.2 puts the error into the JSON body, and for `invalid_client` has the server add that header. With it, the
# exception is another one: its `error` is undefined and its cause holds the challenge alone. A program that asks for
# `invalid_grant`, to know whether a login is over, does not find it.
#
# Seen for {"error":"invalid_grant"} with status 400:
#   without the header   OAUTH_RESPONSE_BODY_ERROR invalid_grant
#   with it              OAUTH_WWW_AUTHENTICATE_CHALLENGE undefined
#
# fob takes the header off the responses of token endpoints before the library sees them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --prefix . --no-audit --no-fund --loglevel=error openid-client@6.8.9 >&2

cat > probe.mjs <<'JS'
import * as client from 'openid-client'
const issuer = 'https://id.example.com'
const metadata = { issuer, token_endpoint: `${issuer}/token` }
for (const challenge of [{}, { 'www-authenticate': 'Basic realm="tokens"' }]) {
  const config = new client.Configuration(metadata, 'probe', undefined, client.None())
  config[client.customFetch] = async () =>
    Response.json({ error: 'invalid_grant' }, { status: 400, headers: challenge })
  const { code, error } = await client.refreshTokenGrant(config, 'a-refresh-token').catch((thrown) => thrown)
  console.log(code, String(error))
}
JS
seen=$(node probe.mjs)
expected='OAUTH_RESPONSE_BODY_ERROR invalid_grant
OAUTH_WWW_AUTHENTICATE_CHALLENGE undefined'
if [ "$seen" != "$expected" ]; then printf 'changed:\n%s\n' "$seen" >&2; exit 1; fi
echo 'as described'
