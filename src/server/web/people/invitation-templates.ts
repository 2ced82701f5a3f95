/** The pages of somebody who has opened an invitation. */
import { html } from 'hono/html'
import { ROLE_NAMES } from '../member-and-tenant-templates.ts'
import { type Markup, type Page, page } from '../page-layout.ts'
import { csrfField, timeElement } from '../settings-page-layout.ts'

const SCRIPTS = ['/assets/open-invitation.js'] as const

interface OpenView {
  host: string
  problem?: string | undefined
}

/** Where the link leads. A browser without scripts shows the field, and the person types the end of the link. */
export function renderOpenInvitation({ host, problem }: OpenView): Promise<Page> {
  return page({
    title: 'Open an invitation',
    host,
    scripts: SCRIPTS,
    main: html`<h1>Open an invitation</h1>
      <p class="lead">Paste the whole link, or the code at its end.</p>
      ${problem === undefined ? '' : html`<p class="alert" role="alert" id="problem">${problem}</p>`}
      <form method="post" action="/invitation">
        <label for="secret">Link or code</label>
        <input
          id="secret"
          name="secret"
          maxlength="500"
          autocomplete="off"
          autocapitalize="none"
          spellcheck="false"
          required
          ${problem === undefined ? '' : html`aria-invalid="true" aria-describedby="problem"`}
        />
        <button class="primary" type="submit">Open</button>
      </form>`,
  })
}

export interface InvitationView {
  host: string
  tenantName: string
  role: keyof typeof ROLE_NAMES
  /** The only e-mail that may accept it. */
  email: string | null
  /** Milliseconds since 1970. */
  expiresAt: number
  /** Who is logged in in this browser. */
  account: { name: string; csrf: string; mayAccept: boolean } | undefined
  providers: readonly { name: string; label: string }[]
  /** Whether there are accounts with a password. */
  passwords: boolean
  /** Whether a password can be chosen here, for a new account with `email`, or who else creates that account. */
  newAccount: 'none' | 'here' | 'by server administrator'
  problem?: string | undefined
}

/** What somebody is invited to, and the ways to accept. */
export function renderInvitation(view: InvitationView): Promise<Page> {
  const { tenantName, role, email, expiresAt, account, problem } = view
  return page({
    title: `Invitation to ${tenantName}`,
    host: view.host,
    scripts: SCRIPTS,
    main: html`<h1>You are invited</h1>
      <p class="lead">
        to <strong>${tenantName}</strong> as <strong>${ROLE_NAMES[role]}</strong>, until
        ${timeElement(expiresAt)}.
      </p>
      ${email === null ? '' : html`<p>It is for <strong>${email}</strong> alone.</p>`}
      ${problem === undefined ? '' : html`<p class="alert" role="alert">${problem}</p>`}
      ${account === undefined ? '' : acceptForm(account, email)}
      ${account === undefined ? '' : html`<p class="or">or with another account</p>`}
      ${view.newAccount === 'here' ? passwordForm(email ?? '') : ''}
      ${view.newAccount === 'here' && otherWays(view) ? html`<p class="or">or</p>` : ''} ${waysToLogIn(view)}
      ${
        view.newAccount === 'by server administrator'
          ? html`<p class="note">
              There is no account with this e-mail and a password yet. An administrator of the server can
              create it.
            </p>`
          : ''
      }
      <p class="note"><a href="/invitation?other=yes">Open another invitation</a></p>`,
  })
}

function acceptForm({ name, csrf, mayAccept }: NonNullable<InvitationView['account']>, email: string | null) {
  if (!mayAccept) {
    return html`<p>You are logged in as <strong>${name}</strong>, which is not ${email}.</p>`
  }
  return html`<form method="post" action="/invitation/accept">
    ${csrfField(csrf)}
    <button class="primary" type="submit">Accept as ${name}</button>
  </form>`
}

function passwordForm(email: string): Markup {
  return html`<form method="post" action="/invitation/account">
    <h2>Choose a password</h2>
    <label for="email">E-mail</label>
    <input id="email" type="email" autocomplete="username" value="${email}" readonly />
    <label for="password">Password</label>
    <input
      id="password"
      name="password"
      type="password"
      autocomplete="new-password"
      minlength="8"
      maxlength="1024"
      required
      aria-describedby="password-form"
    />
    <p class="note after" id="password-form">At least 8 characters.</p>
    <label for="again">Password again</label>
    <input id="again" name="again" type="password" autocomplete="new-password" maxlength="1024" required />
    <button class="primary" type="submit">Accept and create the account</button>
  </form>`
}

function otherWays({ providers, passwords, newAccount }: InvitationView): boolean {
  return providers.length > 0 || (passwords && newAccount !== 'here')
}

function waysToLogIn({ providers, passwords, newAccount }: InvitationView): Markup {
  return html`<ul class="providers">
    ${providers.map(
      ({ name, label }) =>
        html`<li><a class="button" href="/invitation/login?provider=${name}">Accept with ${label}</a></li>`,
    )}
    ${
      passwords && newAccount !== 'here'
        ? html`<li><a class="button" href="/invitation/login">Log in with a password</a></li>`
        : ''
    }
  </ul>`
}

/** The end of it. */
export function renderJoined(view: {
  host: string
  url: string
  tenant: { slug: string; name: string }
}): Promise<Page> {
  const { slug, name } = view.tenant
  return page({
    title: `Welcome to ${name}`,
    host: view.host,
    scripts: SCRIPTS,
    main: html`<h1>You are a member</h1>
      <p class="lead">of <strong>${name}</strong>. On the command line, log in with:</p>
      <pre class="command"><code>fob auth login -s ${view.url} -t ${slug}</code></pre>
      <p class="next"><a class="button" href="/pipelines?tenant=${slug}">Pipelines and runs</a></p>`,
  })
}
