/** The page of secrets. */
import { html } from 'hono/html'
import { type FormResult, formResult } from './form-result.ts'
import { box } from './labelled-box.ts'
import type { FrameView } from './main-menu.ts'
import type { Markup, Page } from './page-layout.ts'
import { appPage } from './pipeline-and-run-frame.ts'
import { csrfField, timeElement } from './settings-page-layout.ts'

/** Whatever they are, as many fit into a form. */
const MAX_TYPED = 7000

interface SecretsView extends FrameView, FormResult {
  /** What the list is narrowed to: a part of a key or of a pipeline's name; empty: nothing. */
  find: string
  secrets: readonly SecretRow[]
  /** How many more there are than are shown. */
  hidden: number
  /** The pipelines that a secret can belong to. */
  pipelines: readonly string[]
  mayChange: boolean
  /** Whether the caller may also change the secrets of all pipelines. */
  mayChangeGlobal: boolean
}

/** Instants are milliseconds since 1970. */
interface SecretRow {
  key: string
  /** Undefined for a secret of all pipelines. */
  pipeline: string | undefined
  /** One of the server's own, which the command line alone sets. */
  ofServer: boolean
  updatedAt: number
  lastUsed: { runId: string; at: number } | undefined
}

/** The names of secrets, with forms that set and delete one. No value ever comes back. */
export function renderSecrets(view: SecretsView): Promise<Page> {
  return appPage(view, {
    title: 'Secrets',
    current: '/secrets',
    main: html`<h1>Secrets</h1>
      <p class="lead">
        Names only: a value is encrypted when it is set, is given to the runs that use it, is redacted in
        their logs, and is never shown again.
      </p>
      ${formResult(view)} ${filter(view)}
      ${
        view.secrets.length === 0
          ? html`<p class="lead">${view.find === '' ? 'There are none yet.' : 'No name has that part.'}</p>`
          : html`<ul class="rows" aria-label="Secrets">
              ${view.secrets.map((secret) => row(secret, view))}
            </ul>`
      }
      ${
        view.hidden === 0
          ? ''
          : html`<p class="note">${view.hidden} more are not shown. Find one by a part of its name.</p>`
      }
      ${view.mayChange ? setForm(view) : ''}`,
  })
}

function filter({ find, tenant }: SecretsView): Markup {
  return html`<form
    method="get"
    action="/secrets"
    class="plain after"
    role="search"
    aria-label="Find a secret"
  >
    <input type="hidden" name="tenant" value="${tenant}" />
    <label for="find">Find</label>
    <input id="find" name="find" type="search" maxlength="128" autocomplete="off" value="${find}" />
    <button type="submit">Find</button>
  </form>`
}

function row(secret: SecretRow, view: SecretsView): Markup {
  const { key, pipeline, ofServer, updatedAt, lastUsed } = secret
  const of = ofServer
    ? html`of the server`
    : pipeline === undefined
      ? html`of all pipelines`
      : html`of <a href="/pipelines/${encodeURIComponent(pipeline)}${view.query}">${pipeline}</a>`
  return html`<li>
    <div>
      <p><code>${key}</code></p>
      <p class="small">
        ${of}, set ${timeElement(updatedAt)},
        ${
          lastUsed === undefined
            ? 'not used yet'
            : html`last used <a href="/runs/${lastUsed.runId}${view.query}">${timeElement(lastUsed.at)}</a>`
        }
      </p>
    </div>
    ${mayDelete(secret, view) ? deleteForm(secret, view) : ''}
  </li>`
}

function mayDelete({ pipeline, ofServer }: SecretRow, view: SecretsView): boolean {
  return !ofServer && (pipeline === undefined ? view.mayChangeGlobal : view.mayChange)
}

/** In two steps: what is deleted cannot be read back from anywhere. */
function deleteForm({ key, pipeline }: SecretRow, view: SecretsView): Markup {
  const which = html`<span class="unseen"> ${key} of ${pipeline ?? 'all pipelines'}</span>`
  return html`<details>
    <summary>Delete${which}</summary>
    <form method="post" action="/secrets${view.query}" class="plain after">
      ${csrfField(view.csrf)}
      <input type="hidden" name="key" value="${key}" />
      <input type="hidden" name="pipeline" value="${pipeline ?? ''}" />
      <button type="submit" name="do" value="delete">Delete for good${which}</button>
    </form>
  </details>`
}

function setForm(view: SecretsView): Markup {
  return html`<h2>Set a secret</h2>
    <form method="post" action="/secrets${view.query}" class="fields" autocomplete="off">
      ${csrfField(view.csrf)}
      <label for="key">Name</label>
      <input
        id="key"
        name="key"
        maxlength="128"
        pattern="[A-Za-z_][A-Za-z0-9_]*"
        autocomplete="off"
        autocapitalize="none"
        spellcheck="false"
        required
        aria-describedby="key-form"
      />
      <p class="note after" id="key-form">
        Letters, digits and _, for example SLACK_TOKEN. A value that is already there is replaced.
      </p>
      <label for="of">Used by</label>
      <select id="of" name="pipeline">
        ${view.mayChangeGlobal ? html`<option value="">all pipelines</option>` : ''}
        ${view.pipelines.map((name) => html`<option value="${name}">${name}</option>`)}
      </select>
      <label for="value">Value</label>
      <textarea
        id="value"
        name="value"
        rows="3"
        maxlength="${MAX_TYPED}"
        autocomplete="off"
        autocapitalize="none"
        spellcheck="false"
        required
        aria-describedby="value-form"
      ></textarea>
      <p class="note after" id="value-form">
        Exactly as it is typed, up to ${MAX_TYPED} characters. For files and larger values:
        <code>fob secrets set NAME --from-file FILE</code>
      </p>
      ${box('checkbox', 'short', 'yes', false, html`Accept fewer than 4 bytes`)}
      <button type="submit" name="do" value="set" class="primary">Set secret</button>
    </form>`
}
