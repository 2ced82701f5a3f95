/** The pages of a login, and the page that shows a message. */
import { html } from 'hono/html'
import { type Scope, SCOPES } from '../../contract/token-scopes.ts'
import STYLE_SHEET from './fob.css' with { type: 'text' }
import { type Markup, type Page, page } from './page-layout.ts'

export { STYLE_SHEET }

export interface LoginView {
  /** The path that the form posts to. */
  action: string
  clientName: string
  host: string
  /** Where the login ends: an origin or a scheme; undefined for a page of ours. */
  redirectTarget?: string | undefined
  /** The identity providers to choose from, each with a path on this server. */
  identityProviders: readonly { label: string; path: string }[]
  /** Whether there are accounts with a password (`--local-accounts`). */
  passwords: boolean
  /** What was typed before, to be corrected rather than typed again. */
  email?: string | undefined
  /** Why the last try did not work. */
  error?: string | undefined
}

export function renderLogin(view: LoginView): Promise<Page> {
  const failed = view.error !== undefined
  return page({
    title: failed ? 'Sign in again' : 'Sign in',
    host: view.host,
    formAction: targets(view.redirectTarget),
    main: html`<h1>Sign in</h1>
      <p class="lead">to continue to <strong>${view.clientName}</strong></p>
      ${failed ? html`<p class="alert" role="alert" id="problem">${view.error}</p>` : ''}
      ${view.identityProviders.length === 0 ? '' : providerList(view.identityProviders)}
      ${view.identityProviders.length > 0 && view.passwords ? html`<p class="or">or</p>` : ''}
      ${view.passwords ? passwordForm(view) : ''}`,
  })
}

function providerList(identityProviders: LoginView['identityProviders']): Markup {
  return html`<ul class="providers">
    ${identityProviders.map(({ label, path }) => html`<li><a class="button" href="${path}">Continue with ${label}</a></li>`)}
  </ul>`
}

function passwordForm(view: LoginView): Markup {
  const failed = view.error !== undefined
  // The field to type into next: the password when only that is missing. Where there is a choice, none.
  const focus = view.identityProviders.length > 0 ? undefined : view.email ? 'password' : 'email'
  return html`<form method="post" action="${view.action}">
    <label for="email">E-mail</label>
    <input
      id="email"
      name="email"
      type="email"
      inputmode="email"
      autocomplete="username"
      autocapitalize="none"
      spellcheck="false"
      maxlength="254"
      required
      value="${view.email ?? ''}"
      ${failed ? html`aria-invalid="true" aria-describedby="problem"` : ''}
      ${focus === 'email' ? 'autofocus' : ''}
    />
    <label for="password">Password</label>
    <input
      id="password"
      name="password"
      type="password"
      autocomplete="current-password"
      required
      ${failed ? html`aria-invalid="true" aria-describedby="problem"` : ''}
      ${focus === 'password' ? 'autofocus' : ''}
    />
    <button class="primary" type="submit">Sign in</button>
  </form>`
}

function targets(redirectTarget: string | undefined): string[] {
  return redirectTarget === undefined ? [] : [redirectTarget]
}

interface ConsentView {
  action: string
  clientName: string
  host: string
  /** Whether the program gave itself its name. */
  selfNamed: boolean
  /** Where the login ends: an origin or a scheme; undefined in the device flow. */
  redirectTarget?: string | undefined
  /** The e-mail or name of the person who is logged in. */
  account: string
  scopes: readonly Scope[]
}

export function renderConsent(view: ConsentView): Promise<Page> {
  return page({
    title: `Authorize ${view.clientName}`,
    host: view.host,
    formAction: targets(view.redirectTarget),
    main: html`<h1>Authorize access</h1>
      <p class="lead"><strong>${view.clientName}</strong> wants to act for you on this server.</p>
      <p class="account">
        <span class="avatar" aria-hidden="true">${view.account.slice(0, 1).toUpperCase()}</span>
        <span>Signed in as <strong>${view.account}</strong></span>
      </p>
      <h2 id="asked">It will be able to</h2>
      <ul class="scopes" aria-labelledby="asked">
        <li>See your name and e-mail address</li>
        ${view.scopes.map((scope) => html`<li>${SCOPES[scope]} <code>${scope}</code></li>`)}
      </ul>
      <form method="post" action="${view.action}" class="decide">
        <button class="primary" type="submit" name="decision" value="authorize">Authorize</button>
        <button type="submit" name="decision" value="deny">Deny</button>
      </form>
      <form method="post" action="${view.action}" class="plain after">
        <span>Not you?</span>
        <button type="submit" name="decision" value="other_account">Use another account</button>
      </form>
      <p class="note">
        ${view.selfNamed ? 'The program chose that name itself; nobody has checked it. ' : ''}
        ${
          view.redirectTarget === undefined
            ? 'The device that showed you the code will be logged in.'
            : html`You will return to
                <strong class="host">${view.redirectTarget.replace(/^https?:\/\//, '')}</strong>.`
        }
        Authorize only if you have just started a login yourself.
      </p>`,
  })
}

interface MessageView {
  title: string
  /** One or two sentences. */
  text: string
  /** What to type next. */
  command?: string | undefined
  /** Where to go next; a path of ours. */
  link?: { text: string; href: string } | undefined
  host?: string | undefined
}

/** A page with a message and no form, such as an expired login. */
export function renderMessage(view: MessageView): Promise<Page> {
  return page({
    title: view.title,
    host: view.host,
    main: html`<h1>${view.title}</h1>
      <p class="lead">${view.text}</p>
      ${view.command === undefined ? '' : html`<pre class="command"><code>${view.command}</code></pre>`}
      ${view.link === undefined ? '' : html`<p class="next"><a class="button" href="${view.link.href}">${view.link.text}</a></p>`}`,
  })
}

/** For an error of the OAuth protocol that cannot be sent to the client by a redirect. */
export function renderProtocolError(error: {
  error: string
  description: string | undefined
}): Promise<Page> {
  const what = error.description ?? 'the request could not be understood'
  return page({
    title: 'This login cannot go on',
    main: html`<h1>This login cannot go on</h1>
      <p class="lead">Nothing was authorized. Start the login again where you started it.</p>
      <dl class="details">
        <dt>Error</dt>
        <dd><code>${error.error}</code></dd>
        <dt>Details</dt>
        <dd>${what}</dd>
      </dl>`,
  })
}
