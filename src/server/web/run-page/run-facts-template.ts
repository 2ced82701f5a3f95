/** What the page of a run says of it above its log: who started it, from where, with what, and its attempts. */
import { html } from 'hono/html'
import type { RunStatus } from '../../../contract/run-events.ts'
import type { Markup } from '../page-layout.ts'
import { duration, statusBadge } from '../pipeline-and-run-frame.ts'
import { timeElement } from '../settings-page-layout.ts'

/** Instants are milliseconds since 1970. Every text has been through the run's redactor. */
export interface RunFacts {
  triggeredBy: string
  tokenName: string | null
  /** In words; undefined for a run of before. */
  from: string | undefined
  task: string | null
  args: readonly string[]
  timeoutMs: number | null
  createdAt: number
  /** The run that it was started again from. */
  repeats: { id: string; href: string; sourceChanged: boolean } | undefined
  /** The latest is the last. */
  attempts: readonly Attempt[]
}

interface Attempt {
  attempt: number
  status: RunStatus
  message: string | null
  queuedAt: number | null
  by: string | null
  startedAt: number | null
  /** In milliseconds; null where that is not over. */
  queuedMs: number | null
  durationMs: number | null
}

/** Shorter waits are how long it takes to start anything. */
const SHOWN_WAIT_MS = 1000

export function runFacts(facts: RunFacts): Markup {
  const { triggeredBy, tokenName, from, createdAt, timeoutMs, attempts } = facts
  const latest = attempts.at(-1)
  const token = tokenName === null ? '' : html`, by the token <strong>${tokenName}</strong>`
  return html`<div id="run-facts">
    <dl class="details">
      ${fact('Started', html`${timeElement(attempts[0]?.startedAt ?? createdAt)} by ${triggeredBy}${token}`)}
      ${from === undefined ? '' : fact('From', from)}
      ${facts.repeats === undefined ? '' : fact('Again', repeats(facts.repeats))}
      ${latest === undefined || latest.durationMs === null ? '' : fact('Took', duration(latest.durationMs))}
      ${waited(latest) ? fact('Waited', html`${duration(latest?.queuedMs ?? 0)} for its turn`) : ''}
      ${timeoutMs === null ? '' : fact('Time limit', duration(timeoutMs))}
      ${
        facts.args.length === 0
          ? ''
          : fact(
              'Arguments',
              facts.args.map((arg) => html`<code>${arg}</code> `),
            )
      }
    </dl>
    ${facts.task === null ? '' : task(facts.task)} ${attempts.length < 2 ? '' : attemptList(attempts)}
  </div>`
}

function fact(name: string, value: string | Markup | readonly Markup[]): Markup {
  return html`<dt>${name}</dt>
    <dd>${value}</dd>`
}

function waited(latest: Attempt | undefined): boolean {
  return (latest?.queuedMs ?? 0) >= SHOWN_WAIT_MS
}

function repeats({ id, href, sourceChanged }: NonNullable<RunFacts['repeats']>): Markup {
  return html`what <a href="${href}"><code>${id}</code></a> was started
    with${sourceChanged ? html`; the source has changed since` : ''}`
}

/** With its line ends, as it is given; it scrolls where it is long. */
function task(text: string): Markup {
  return html`<h2 id="task-title">Task</h2>
    <pre class="given" tabindex="0" role="region" aria-labelledby="task-title">${text}</pre>`
}

function attemptList(attempts: readonly Attempt[]): Markup {
  return html`<h2 id="attempts-title">Attempts</h2>
    <ol class="tasks" aria-labelledby="attempts-title">
      ${attempts.map(
        ({ attempt, status, message, queuedAt, by, startedAt, durationMs }) =>
          html`<li value="${attempt}">
            ${statusBadge(status)} ${startedAt === null ? '' : timeElement(startedAt)}
            <span class="small"
              >${durationMs === null ? '' : html`took ${duration(durationMs)}`}${
                attempt === 1 || queuedAt === null
                  ? ''
                  : html`${durationMs === null ? '' : ', '}resumed ${timeElement(queuedAt)} by
                    ${by ?? 'somebody'}`
              }</span
            >
            ${message === null ? '' : html`<span class="why">${message}</span>`}
          </li>`,
      )}
    </ol>`
}
