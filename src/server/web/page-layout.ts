/**
 * The document around every page, and the headers that belong to it.
 * All of `web/` owns what people see in a browser: each function renders a whole page with its headers.
 * It refuses inline scripts and styles, anything loaded from another server, and text that was not escaped
 * (`hono/html`). It knows nothing of requests: `http/` calls it with plain values and responds with what it returns.
 */
import { html } from 'hono/html'

/** Escaped markup; `html` escapes every plain string that is put into it. */
export type Markup = ReturnType<typeof html>

export interface Page {
  /** A whole document. */
  html: string
  headers: Readonly<Record<string, string>>
}

interface PageParts {
  /** For the title bar; ` · fob` is added. */
  title: string
  main: Markup
  /** The server's own host, so that people see where they are about to type a password. */
  host?: string | undefined
  /** Other origins to which the response to a form may redirect. */
  formAction?: readonly string[]
  /** For tables and lists; `full`: the whole width of the window, for logs. */
  wide?: boolean | 'full'
  /** The paths of the scripts of the page, on this server. The page has to work without them. */
  scripts?: readonly string[]
}

/** A document with everything around `main`, and the headers that go with it. */
export async function page(parts: PageParts): Promise<Page> {
  const { title, main, host, formAction = [], wide = false, scripts = [] } = parts
  const document = await html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>${title} · fob</title>
        <link rel="icon" href="${ICON}" />
        <link rel="stylesheet" href="/assets/fob.css" />
        ${scripts.map((path) => html`<script type="module" src="${path}"></script>`)}
      </head>
      <body ${wide === false ? '' : html`class="${wide === 'full' ? 'wide full' : 'wide'}"`}>
        <header class="brand">${MARK}<span>fob</span></header>
        <main>${main}</main>
        <footer>${host === undefined ? '' : html`<span class="host">${host}</span>`}</footer>
      </body>
    </html>`
  return { html: document.toString(), headers: pageHeaders(formAction, scripts.length > 0) }
}

/**
 * No inline script or style, no script at all where the page names none, no frame, nothing from another server.
 * Chromium applies `form-action` to the redirects after a POST as well, so the client's redirect origin has to be named.
 * `same-origin` rather than `no-referrer`: the latter makes browsers send `Origin: null` with our own forms
 * (Fetch §3.2 "append a request Origin header"), and that header is what tells them from another site's.
 */
function pageHeaders(formAction: readonly string[], scripted: boolean): Record<string, string> {
  const targets = ["'self'", ...formAction].join(' ')
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': [
      "default-src 'none'",
      "style-src 'self'",
      "img-src 'self' data:",
      ...(scripted ? ["script-src 'self'", "connect-src 'self'"] : []),
      `form-action ${targets}`,
      "frame-ancestors 'none'",
      "base-uri 'none'",
    ].join('; '),
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin',
    'cache-control': 'no-store',
  }
}

/**
 * Room for a button that copies the text of the element with this ID. The script puts it there, so that nothing moves
 * and no button is dead.
 */
export function copyPlace(id: string, what: string): Markup {
  return html`<span class="copy" data-copy="${id}" data-what="${what}"></span>`
}

/** A key fob, hanging askew: a ring through the eye of a tag that has a keyhole on it. */
const TAG = 'M12 9h8a4 4 0 0 1 4 4v10a7 7 0 0 1-7 7h-2a7 7 0 0 1-7-7V13a4 4 0 0 1 4-4z'
const HOLE = 'M16 16.2a3 3 0 0 0-1.5 5.6l-.8 4.2h4.6l-.8-4.2a3 3 0 0 0-1.5-5.6z'

const MARK = html`<svg
  class="mark"
  viewBox="0 0 32 32"
  width="36"
  height="36"
  aria-hidden="true"
  focusable="false"
>
  <g transform="rotate(28 16 17)">
    <path class="mark-tag" d="${TAG}" />
    <path class="mark-hole" d="${HOLE}" />
    <circle class="mark-ring" cx="16" cy="7.5" r="5" fill="none" stroke-width="2.2" />
  </g>
</svg>`

const ICON = `data:image/svg+xml,${encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><g transform="rotate(28 16 17)"><path fill="#1f6f5c" d="${TAG}"/><path fill="#fff" d="${HOLE}"/><circle cx="16" cy="7.5" r="5" fill="none" stroke="#8a8578" stroke-width="2.2"/></g></svg>`,
)}`
