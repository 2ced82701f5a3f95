/** The frame of the settings pages, and the parts that other pages share with them. */
import { html } from 'hono/html'
import { type FrameView, mainMenu, menuItem } from './main-menu.ts'
import { MENU_SCRIPTS } from './browser-scripts/script-texts.ts'
import { type Markup, type Page, page } from './page-layout.ts'

/** The settings pages. Those marked `admin` are shown to administrators alone. */
const PAGES = [
  { path: '/settings/sessions', text: 'Sessions', area: 'Security' },
  { path: '/settings/password', text: 'Password', area: 'Security' },
  { path: '/settings/tokens', text: 'Personal access tokens', area: 'Security' },
  { path: '/settings/tenants', text: 'Tenants', area: 'Organization' },
  { path: '/settings/members', text: 'Members', area: 'Organization', admin: true },
  { path: '/settings/audit', text: 'Audit log', area: 'Organization', admin: true },
] as const satisfies readonly { path: string; text: string; area: string; admin?: true }[]

export interface SettingsView extends FrameView {
  title: string
  /** The path of the page in the menu. */
  current: (typeof PAGES)[number]['path']
  administrator: boolean
}

/** The frame of all settings pages: the menus, the account, and signing out. */
export function settingsPage(view: SettingsView, main: Markup): Promise<Page> {
  const pages: readonly { path: string; text: string; admin?: true }[] = PAGES
  const area = PAGES.find(({ path }) => path === view.current)?.area
  const shown = pages.filter(({ admin }) => admin !== true || view.administrator)
  return page({
    title: view.title,
    host: view.host,
    wide: true,
    scripts: MENU_SCRIPTS,
    main: html`${mainMenu(view, '/settings', { path: view.current })}
      <nav class="menu" aria-label="Settings">
        <ul>
          ${shown.map(({ path, text }) => menuItem(path + view.query, text, path === view.current))}
        </ul>
        <form method="post" action="/auth/logout" class="plain">
          ${csrfField(view.csrf)}
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

/**
 * `2026-01-31 17:05 UTC`, in a `time` element, which the script of the page shows in the reader's zone.
 * @param form `relative`: within a day, the script shows how long ago that is
 */
export function timeElement(ms: number, form: 'absolute' | 'relative' = 'absolute'): Markup {
  const iso = new Date(ms).toISOString()
  const near = form === 'relative' ? html`data-relative` : ''
  return html`<time datetime="${iso}" ${near}>${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC</time>`
}
