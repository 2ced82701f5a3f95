/** The pages of the callback listener: self-contained, no script, nothing loaded from anywhere. */
import { createHash } from 'node:crypto'

/** The look of the server's pages (`server/web/fob.css`), as much of it as a line of text needs. */
const STYLE = `:root{color-scheme:light dark;--paper:#f5f3ee;--card:#fffefb;--line:#dcd7cb;--ink:#1d1f1c;--soft:#5a5a52;--green:#1f6f5c;--ring:#8a8578}
@media(prefers-color-scheme:dark){:root{--paper:#141613;--card:#1c1f1b;--line:#343830;--ink:#ecebe4;--soft:#a9aba0;--green:#6fc9ae;--ring:#8d9185}}
body{font:1rem/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;margin:0;min-height:100vh;padding:1.25rem;box-sizing:border-box;display:grid;grid-template:1fr auto auto 1.4fr/minmax(0,26.5rem);justify-content:center;background:var(--paper);color:var(--ink)}
header{grid-row:2;display:flex;align-items:center;gap:.625rem;padding:0 .25rem 1rem;font:650 1.25rem/1 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;letter-spacing:-.02em}
main{grid-row:3;background:var(--card);border:1px solid var(--line);border-radius:1rem;box-shadow:0 12px 32px -12px rgb(0 0 0/18%);padding:2rem;overflow-wrap:anywhere}
h1{font-size:1.5rem;font-weight:650;line-height:1.25;letter-spacing:-.015em;margin:0}
p{margin:.375rem 0 0;color:var(--soft)}
.tag{fill:var(--green)}.hole{fill:var(--card)}.ring{fill:none;stroke:var(--ring);stroke-width:2.2}`

const MARK = `<svg viewBox="0 0 32 32" width="36" height="36" aria-hidden="true"><g transform="rotate(28 16 17)"><path class="tag" d="M12 9h8a4 4 0 0 1 4 4v10a7 7 0 0 1-7 7h-2a7 7 0 0 1-7-7V13a4 4 0 0 1 4-4z"/><path class="hole" d="M16 16.2a3 3 0 0 0-1.5 5.6l-.8 4.2h4.6l-.8-4.2a3 3 0 0 0-1.5-5.6z"/><circle class="ring" cx="16" cy="7.5" r="5"/></g></svg>`

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

/** A page with a heading and a line of text. Both are escaped: they may come from a server. */
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
<header>${MARK}<span>fob</span></header>
<main>
<h1>${title}</h1>
<p>${escapeHtml(text)}</p>
</main>
</body>
</html>
`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** `text` as it may stand in HTML, between tags or inside a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => ENTITIES[c] ?? c)
}
