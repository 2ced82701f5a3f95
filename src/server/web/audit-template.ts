/** The page of the audit log. */
import { html } from 'hono/html'
import type { Markup, Page } from './page-layout.ts'
import { timeElement, settingsPage, type SettingsView } from './settings-page-layout.ts'

interface AuditView extends Omit<SettingsView, 'title' | 'current'> {
  entries: readonly {
    seq: number
    at: number
    /** The e-mail or name of the actor, where it is known; else the ID. */
    who: string
    action: string
    target: string | null
    outcome: 'ok' | 'refused'
    address: string | null
    credential: string
    details: readonly (readonly [name: string, value: string])[]
  }[]
  filter: { actor: string; action: string; outcome: string }
  nextHref: string | undefined
  problem?: string | undefined
}

/** Entries, newest first, with a filter that is an ordinary form. */
export function renderAudit(view: AuditView): Promise<Page> {
  const { filter } = view
  return settingsPage(
    { ...view, title: 'Audit log', current: '/settings/audit' },
    html`<p class="lead">
        What was done in the tenant <code>${view.tenant}</code>, newest first. Entries cannot be changed;
        <code>fob server check</code> on the server verifies that none was changed.
      </p>
      ${view.problem === undefined ? '' : html`<p class="alert" role="alert">${view.problem}</p>`}
      <form
        method="get"
        action="/settings/audit"
        class="plain after"
        role="search"
        aria-label="Filter the log"
      >
        <input type="hidden" name="tenant" value="${view.tenant}" />
        <label for="action">Action</label>
        <input id="action" name="action" maxlength="40" autocomplete="off" value="${filter.action}" />
        <label for="actor">Who</label>
        <input id="actor" name="actor" maxlength="254" autocomplete="off" value="${filter.actor}" />
        <label for="outcome">Outcome</label>
        <select id="outcome" name="outcome">
          ${['', 'ok', 'refused'].map(
            (value) =>
              html`<option value="${value}" ${value === filter.outcome ? 'selected' : ''}>
                ${value === '' ? 'any' : value}
              </option>`,
          )}
        </select>
        <button type="submit">Show</button>
      </form>
      ${
        view.entries.length === 0
          ? html`<p class="lead">There is nothing to show.</p>`
          : html`<ol class="rows" reversed start="${view.entries[0]?.seq ?? 0}" aria-label="Entries">
              ${view.entries.map(entryRow)}
            </ol>`
      }
      ${view.nextHref === undefined ? '' : html`<p class="next"><a href="${view.nextHref}">Older entries</a></p>`}`,
  )
}

function entryRow(entry: AuditView['entries'][number]): Markup {
  const about = [
    ...(entry.address === null ? [] : [`from ${entry.address}`]),
    ...(entry.credential === '' ? [] : [entry.credential]),
    ...entry.details.map(([name, value]) => `${name}: ${value}`),
  ]
  return html`<li value="${entry.seq}">
    <div>
      <p>
        <strong>${entry.action}</strong> ${entry.target === null ? '' : html`<code>${entry.target}</code>`}
        ${entry.outcome === 'refused' ? html`<span class="badge">refused</span>` : ''}
      </p>
      <p class="small">
        ${entry.seq} · ${timeElement(entry.at)} by ${entry.who}${about.map((part) => html`, ${part}`)}
      </p>
    </div>
  </li>`
}
