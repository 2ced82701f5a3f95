#!/usr/bin/env bash
# Bun 1.4.5: `no_proxy` replaces `NO_PROXY`; the two lists are not joined.
#
# A machine that sets `no_proxy` for everybody thereby cancels the `NO_PROXY` that one program is started with: a
# request that was meant to stay local goes to the proxy. An empty `no_proxy` cancels nothing.
#
# Seen for a request to 127.0.0.1, with HTTP_PROXY set:
#   NO_PROXY=127.0.0.1                       direct
#   NO_PROXY=127.0.0.1 no_proxy=example.com  proxy
#   NO_PROXY=127.0.0.1 no_proxy=             direct
#
# fob joins the two, adds this machine's own addresses, and writes the result into both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --prefix . --no-audit --no-fund --loglevel=error bun@1.4.5 >&2
node node_modules/bun/install.js

cat > probe.ts <<'TS'
const serve = (text: string) => Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response(text) })
const [proxy, origin] = [serve('proxy'), serve('direct')]
const { http_proxy, https_proxy, HTTPS_PROXY, no_proxy, ...inherited } = process.env
for (const lists of [{}, { no_proxy: 'example.com' }, { no_proxy: '' }]) {
  const child = Bun.spawn([process.execPath, '-e', `console.log(await (await fetch('${origin.url}')).text())`], {
    env: { ...inherited, HTTP_PROXY: proxy.url.href, NO_PROXY: '127.0.0.1', ...lists },
  })
  process.stdout.write(await new Response(child.stdout).text())
}
await Promise.all([proxy.stop(true), origin.stop(true)])
TS
seen=$(node_modules/.bin/bun probe.ts | paste -sd ' ')
if [ "$seen" != 'direct proxy direct' ]; then echo "changed: $seen" >&2; exit 1; fi
echo 'as described'
