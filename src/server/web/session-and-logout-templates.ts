/** The pages of sessions and of signing out. */
import { html } from 'hono/html'
import type { Markup, Page } from './page-layout.ts'
import { csrfField, timeElement, settingsPage, type SettingsView } from './settings-page-layout.ts'

interface SessionsView extends Omit<SettingsView, 'title' | 'current'> {
  /** Instants are milliseconds since 1970. */
  browsers: readonly {
    uid: string
    loggedInAt: number
    lastUsedAt: number
    userAgent: string
    address: string
  }[]
  /** The `uid` of the browser that shows the page. */
  thisBrowser: string
  programs: readonly {
    grantId: string
    name: string
    since: number
    lastUsedAt: number
    userAgent: string
    address: string
  }[]
  /** What was just done. */
  notice?: string | undefined
}

/** The browsers and programs in which a person is logged in, with buttons that sign them out. */
export function renderSessions(view: SessionsView): Promise<Page> {
  const others = view.browsers.filter(({ uid }) => uid !== view.thisBrowser)
  return settingsPage(
    { ...view, title: 'Sessions', current: '/settings/sessions' },
    html`<p class="lead">Where you are logged in. Sign out whatever you do not recognise.</p>
      ${view.notice === undefined ? '' : html`<p class="notice" role="status">${view.notice}</p>`}
      <h2 id="browsers">Browsers</h2>
      <ul class="rows" aria-labelledby="browsers">
        ${view.browsers.map((session) => browserRow(session, view))}
      </ul>
      ${
        others.length === 0
          ? ''
          : html`<form method="post" action="/settings/sessions${view.query}" class="plain after">
              ${csrfField(view.csrf)}
              <button type="submit" name="others" value="all">Sign out all other browsers</button>
            </form>`
      }
      <h2 id="programs">Programs</h2>
      ${
        view.programs.length === 0
          ? html`<p class="lead">No program is logged in as you.</p>`
          : html`<ul class="rows" aria-labelledby="programs">
              ${view.programs.map((program) => programRow(program, view))}
            </ul>`
      }`,
  )
}

function browserRow(session: SessionsView['browsers'][number], view: SessionsView): Markup {
  const current = session.uid === view.thisBrowser
  const name = browserName(session.userAgent)
  return html`<li>
    <div>
      <p>${name} ${current ? html`<span class="badge">this browser</span>` : ''}</p>
      <p class="small">
        ${session.address === '' ? '' : html`from ${session.address}, `}logged in
        ${timeElement(session.loggedInAt)}, last used ${timeElement(session.lastUsedAt)}
      </p>
    </div>
    ${
      current
        ? ''
        : html`<form method="post" action="/settings/sessions${view.query}" class="plain">
            ${csrfField(view.csrf)}
            <button type="submit" name="session" value="${session.uid}">
              Sign out<span class="unseen"> ${name}, logged in ${timeElement(session.loggedInAt)}</span>
            </button>
          </form>`
    }
  </li>`
}

function programRow(program: SessionsView['programs'][number], view: SessionsView): Markup {
  const where = placeOf(program)
  return html`<li>
    <div>
      <p>${program.name}</p>
      <p class="small">
        ${where === '' ? '' : html`${where}, `}since ${timeElement(program.since)}, last used
        ${timeElement(program.lastUsedAt)}
      </p>
    </div>
    <form method="post" action="/settings/sessions${view.query}" class="plain">
      ${csrfField(view.csrf)}
      <button type="submit" name="program" value="${program.grantId}">
        Sign out<span class="unseen"> ${program.name}, since ${timeElement(program.since)}</span>
      </button>
    </form>
  </li>`
}

/** `fob 0.1.0 on HOST, from 192.0.2.1`: as the program said it, and where it was seen. */
function placeOf({ userAgent, address }: { userAgent: string; address: string }): string {
  const [, version, host] = /^fob\/([\w.+-]{1,40})(?: \(([\w.-]{1,64})\))?$/.exec(userAgent) ?? []
  const program =
    version === undefined
      ? userAgent.slice(0, 100)
      : `fob ${version}${host === undefined ? '' : ` on ${host}`}`
  return [program, ...(address === '' ? [] : [`from ${address}`])].filter((part) => part !== '').join(', ')
}

const BROWSERS = [
  ['Edge', /\bEdg(?:e|A|iOS)?\//],
  ['Opera', /\bOPR\//],
  ['Firefox', /\b(?:Firefox|FxiOS)\//],
  ['Chrome', /\b(?:Chrome|Chromium|CriOS|HeadlessChrome)\//],
  ['Safari', /\bSafari\//],
] as const
const SYSTEMS = [
  ['Android', /Android/],
  ['iOS', /iPhone|iPad/],
  ['Windows', /Windows/],
  ['macOS', /Mac OS X/],
  ['Linux', /Linux/],
] as const

/** "Firefox on Linux", as far as the user agent says so. */
function browserName(userAgent: string): string {
  const browser = BROWSERS.find(([, mark]) => mark.test(userAgent))?.[0] ?? 'A browser'
  const system = SYSTEMS.find(([, mark]) => mark.test(userAgent))?.[0]
  return system === undefined ? browser : `${browser} on ${system}`
}

/** Asks before a person is signed out: a link alone must not do it. */
export function renderSignOut(view: Omit<SettingsView, 'title' | 'current'>): Promise<Page> {
  return settingsPage(
    { ...view, title: 'Sign out', current: '/settings/sessions' },
    html`<p class="lead">You are logged in as <strong>${view.account}</strong> in this browser.</p>
      <form method="post" action="/auth/logout">
        ${csrfField(view.csrf)}
        <button class="primary" type="submit">Sign out</button>
      </form>`,
  )
}
