/** The pages of personal access tokens. */
import { html } from 'hono/html'
import { type Scope, SCOPES } from '../../contract/token-scopes.ts'
import { box } from './labelled-box.ts'
import { copyPlace, type Markup, type Page } from './page-layout.ts'
import { csrfField, timeElement, settingsPage, type SettingsView } from './settings-page-layout.ts'

const CURRENT = '/settings/tokens'
type Frame = Omit<SettingsView, 'title' | 'current'> & {
  /** The server's own address. */
  url: string
}

interface TokensView extends Frame {
  /** Instants are milliseconds since 1970. */
  tokens: readonly TokenRow[]
  /** There are more than are shown. */
  more: boolean
  /** What was just done. */
  notice?: string | undefined
}

export interface TokenRow {
  id: string
  name: string
  scopes: readonly string[]
  /** Undefined: all. */
  pipelines: readonly string[] | undefined
  requireSignature: boolean
  createdAt: number
  expiresAt: number | null
  expired: boolean
  lastUsedAt: number | null
}

/** The list of tokens, with links to create and buttons to revoke them. */
export function renderTokens(view: TokensView): Promise<Page> {
  return settingsPage(
    { ...view, title: 'Personal access tokens', current: CURRENT },
    html`<p class="lead">
        For programs that act as you in the tenant <strong>${view.tenant}</strong>. Each can do what you chose
        for it, and never more than you can.
      </p>
      ${view.notice === undefined ? '' : html`<p class="notice" role="status">${view.notice}</p>`}
      <p class="next"><a class="button" href="${CURRENT}/new${view.query}">Generate new token</a></p>
      <h2 id="tokens">Your tokens</h2>
      ${
        view.tokens.length === 0
          ? html`<p class="lead">You have none.</p>`
          : html`<ul class="rows" aria-labelledby="tokens">
              ${view.tokens.map((token) => row(token, view))}
            </ul>`
      }
      ${
        view.more
          ? html`<p class="note">Only the first are shown. <code>fob tokens list</code> has them all.</p>`
          : ''
      }`,
  )
}

function row(token: TokenRow, { csrf, query }: TokensView): Markup {
  const { pipelines, expiresAt, lastUsedAt } = token
  return html`<li>
    <div>
      <p>
        ${token.name} ${token.expired ? html`<span class="badge">expired</span>` : ''}
        ${token.requireSignature ? html`<span class="badge">signed requests only</span>` : ''}
      </p>
      <p class="small">
        <code>${token.scopes.join(' ')}</code>,
        ${pipelines === undefined ? 'all pipelines' : pipelines.length === 0 ? 'no pipeline' : pipelines.join(', ')}
      </p>
      <p class="small">
        created ${timeElement(token.createdAt)},
        ${expiresAt === null ? 'does not expire' : html`${token.expired ? 'expired' : 'expires'} ${timeElement(expiresAt)}`},
        ${lastUsedAt === null ? 'never used' : html`last used ${timeElement(lastUsedAt)}`}
      </p>
    </div>
    <form method="post" action="${CURRENT}/revoke${query}" class="plain">
      ${csrfField(csrf)}
      <button type="submit" name="token" value="${token.id}">
        Revoke<span class="unseen"> ${token.name}, created ${timeElement(token.createdAt)}</span>
      </button>
    </form>
  </li>`
}

export interface NewTokenView extends Frame {
  /** The scopes that the person may give to it. */
  scopes: readonly Scope[]
  /** Names of the pipelines to choose from. */
  pipelines: readonly string[]
  lifetimes: readonly { value: string; text: string }[]
  /** What was chosen before, so that it can be corrected. */
  chosen: {
    name: string
    scopes: readonly string[]
    all: boolean
    pipelines: readonly string[]
    expires: string
    requireSignature: boolean
  }
  error?: string | undefined
}

/** The form for a new token. */
export function renderNewToken(view: NewTokenView): Promise<Page> {
  const { chosen } = view
  const failed = view.error !== undefined
  return settingsPage(
    { ...view, title: failed ? 'Generate new token, again' : 'Generate new token', current: CURRENT },
    html`${failed ? html`<p class="alert" role="alert" id="problem">${view.error}</p>` : ''}
      <form method="post" action="${CURRENT}/new${view.query}" class="fields">
        ${csrfField(view.csrf)}
        <label for="name">Name</label>
        <input
          id="name"
          name="name"
          maxlength="100"
          autocomplete="off"
          required
          value="${chosen.name}"
          ${failed ? html`aria-describedby="problem"` : ''}
        />
        <fieldset>
          <legend>What it may do</legend>
          ${view.scopes.map((scope) =>
            box(
              'checkbox',
              'scope',
              scope,
              chosen.scopes.includes(scope),
              html`${SCOPES[scope]} <code>${scope}</code>`,
            ),
          )}
        </fieldset>
        <fieldset>
          <legend>With which pipelines</legend>
          ${box('radio', 'which', 'all', chosen.all, html`All, later ones included`)}
          ${box('radio', 'which', 'some', !chosen.all, html`Only these`)}
          <div class="inner" role="group" aria-label="Only these pipelines">
            ${
              view.pipelines.length === 0
                ? html`<p class="small">There is no pipeline yet.</p>`
                : view.pipelines.map((name) =>
                    box('checkbox', 'pipeline', name, chosen.pipelines.includes(name), html`${name}`),
                  )
            }
          </div>
        </fieldset>
        <label for="expires">Expires</label>
        <select id="expires" name="expires">
          ${view.lifetimes.map(
            ({ value, text }) =>
              html`<option value="${value}" ${value === chosen.expires ? 'selected' : ''}>${text}</option>`,
          )}
        </select>
        ${box('checkbox', 'sign', 'yes', chosen.requireSignature, html`Refuse requests that are not signed`)}
        <button class="primary" type="submit">Generate token</button>
      </form>`,
  )
}

interface CreatedTokenView extends Frame {
  name: string
  /** The token itself: only this page ever has it. */
  value: string
  requireSignature: boolean
}

/** The new token, once. */
export function renderCreatedToken(view: CreatedTokenView): Promise<Page> {
  return settingsPage(
    { ...view, title: 'Your new token', current: CURRENT },
    html`<p class="notice" role="status">
        Copy it now: it is not stored, and this page is the only one that shows it.
      </p>
      <div class="fields">
        <label for="value">${view.name}</label>
        <input
          id="value"
          class="value"
          readonly
          spellcheck="false"
          autocomplete="off"
          value="${view.value}"
        />
        ${copyPlace('value', 'Copy the token')}
      </div>
      <p class="lead">Give it to a program as <code>FOB_TOKEN</code>, or store it in the keychain:</p>
      <pre
        class="command"
      ><code id="login-command">printenv FOB_TOKEN | fob auth login --token-stdin -s ${view.url}</code></pre>
      ${copyPlace('login-command', 'Copy the command')}
      ${
        view.requireSignature
          ? html`<p class="note">It is for signed requests only: set <code>FOB_SIGN=1</code> as well.</p>`
          : ''
      }
      <p class="next"><a class="button" href="${CURRENT}${view.query}">Back to your tokens</a></p>`,
  )
}
