/** The menu on top of every page of somebody who is let in: the areas, the tenant, the account. */
import { html } from 'hono/html'
import type { Markup } from './page-layout.ts'

/** What each page with a menu shows around its own part. */
export interface FrameView {
  /** The name of the person who is logged in; undefined where nobody logs in. */
  account: string | undefined
  /** The session value that every form has to carry; empty where there is no session. */
  csrf: string
  host: string
  /** The query of every link and form: empty, or `?tenant=SLUG`. */
  query: string
  /** The slug of the tenant that the page is about. */
  tenant: string
  /** The tenants that the person is a member of, by slug. */
  tenants: readonly { slug: string; name: string }[]
  mayListSecrets: boolean
}

const AREAS = [
  { path: '/pipelines', text: 'Pipelines' },
  { path: '/runs', text: 'Runs' },
  { path: '/secrets', text: 'Secrets' },
  { path: '/settings', text: 'Settings' },
] as const
export type Area = (typeof AREAS)[number]['path']

/** Where a switch to another tenant leads to. */
interface SwitchTarget {
  /** A page that has nothing of this tenant in its address. */
  path: string
  /** What of the query stays, such as filters. */
  kept?: Readonly<Record<string, string>> | undefined
}

export function mainMenu(view: FrameView, current: Area, target: SwitchTarget): Markup {
  const shown = AREAS.filter(
    ({ path }) =>
      (path !== '/settings' || view.account !== undefined) && (path !== '/secrets' || view.mayListSecrets),
  )
  return html`<nav class="menu" aria-label="Main">
    <ul>
      ${shown.map(({ path, text }) => menuItem(path + view.query, text, path === current))}
    </ul>
    ${tenantSwitch(view, target)}
    ${view.account === undefined ? '' : html`<span class="who">${view.account}</span>`}
  </nav>`
}

export function menuItem(href: string, text: string, isCurrent: boolean): Markup {
  return html`<li>
    <a href="${href}" ${isCurrent ? html`aria-current="page"` : ''}>${text}</a>
  </li>`
}

/** A form, so that it works without scripts; nothing where there is no choice. */
function tenantSwitch({ tenant, tenants }: FrameView, { path, kept = {} }: SwitchTarget): Markup | '' {
  if (tenants.length < 2) return ''
  return html`<form method="get" action="${path}" class="plain" role="group" aria-label="Tenant">
    ${hiddenFields(kept)}
    <label class="unseen" for="tenant">Tenant</label>
    <select id="tenant" name="tenant">
      ${tenants.map(
        ({ slug, name }) =>
          html`<option value="${slug}" ${slug === tenant ? 'selected' : ''}>
            ${name === slug ? slug : `${name} (${slug})`}
          </option>`,
      )}
    </select>
    <button type="submit">Switch</button>
  </form>`
}

/** Parameters that a form with the method GET leads on to. */
export function hiddenFields(values: Readonly<Record<string, string>>): Markup[] {
  return Object.entries(values).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`,
  )
}
