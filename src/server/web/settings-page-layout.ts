/** The frame of the settings pages, and the parts that other pages share with them. */
import { html } from 'hono/html'
import { type Markup, type Page, page } from './page-layout.ts'

/** The settings pages. Those marked `admin` are shown to administrators alone. */
const PAGES = [
  { path: '/settings/sessions', text: 'Sessions', area: 'Security' },
  { path: '/settings/tokens', text: 'Personal access tokens', area: 'Security' },
  { path: '/settings/tenants', text: 'Tenants', area: 'Organization' },
  { path: '/settings/members', text: 'Members', area: 'Organization', admin: true },
  { path: '/settings/audit', text: 'Audit log', area: 'Organization', admin: true },
] as const satisfies readonly { path: string; text: string; area: string; admin?: true }[]

export interface SettingsView {
  title: string
  /** The path of the page in the menu. */
  current: (typeof PAGES)[number]['path']
  /** The name of the person who is logged in. */
  account: string
  administrator: boolean
  /** The session value that every form has to carry. */
  csrf: string
  host: string
}

/** The frame of all settings pages: the menu, the account, and signing out. */
export function settingsPage(view: SettingsView, main: Markup): Promise<Page> {
  const pages: readonly { path: string; text: string; admin?: true }[] = PAGES
  const area = PAGES.find(({ path }) => path === view.current)?.area
  const shown = pages.filter(({ admin }) => admin !== true || view.administrator)
  return page({
    title: view.title,
    host: view.host,
    wide: true,
    main: html`<nav class="menu" aria-label="Settings">
        <ul>
          ${shown.map(
            ({ path, text }) =>
              html`<li>
                <a href="${path}" ${path === view.current ? html`aria-current="page"` : ''}>${text}</a>
              </li>`,
          )}
        </ul>
        <form method="post" action="/auth/logout" class="plain">
          ${csrfField(view.csrf)}
          <span class="who">${view.account}</span>
          <button type="submit">Sign out</button>
        </form>
      </nav>
      <p class="small">Settings › ${area}</p>
      <h1>${view.title}</h1>
      ${main}`,
  })
}

/** The hidden field with the session value. */
export function csrfField(csrf: string): Markup {
  return html`<input type="hidden" name="csrf" value="${csrf}" />`
}

/** `2026-01-31 17:05 UTC`, in a `time` element. */
export function timeElement(ms: number): Markup {
  const iso = new Date(ms).toISOString()
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC</time>`
}
