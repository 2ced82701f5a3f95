import { createHash } from 'node:crypto'
import { escapeHtml } from './text.ts'

/** The pages of the callback listener: self-contained, no script, nothing loaded from anywhere. */

const STYLE = `:root{color-scheme:light dark}
body{font:1.125rem/1.5 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;place-items:center}
main{max-width:34rem;padding:2rem}
h1{font-size:1.5rem;font-weight:600;margin:0 0 .5rem}
p{margin:0;opacity:.8}`

/** Everything is forbidden but this one style, named by its hash. The address holds a code: no referrer. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256')
    .update(STYLE)
    .digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  connection: 'close',
}

/** A page with a heading and a line of text; both may hold foreign words. */
export function renderPage(heading: string, text: string): string {
  const title = escapeHtml(heading)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p>${escapeHtml(text)}</p>
</main>
</body>
</html>
`
}
