/** The page of one run, and the scripts that it loads. */
import { html } from 'hono/html'
import { isFinal, type RunStatus } from '../../../contract/run-events.ts'
import {
  appPage,
  badgeTemplate,
  buttonForm,
  duration,
  type ShownStatus,
  statusBadge,
} from '../pipeline-and-run-frame.ts'
import type { FrameView } from '../main-menu.ts'
import { copyPlace, type Markup, type Page } from '../page-layout.ts'
import type { Stretch } from '../log-line-colours-and-errors.ts'
import { timeElement } from '../settings-page-layout.ts'
import { type RunFacts, runFacts } from './run-facts-template.ts'

/** Whether the caller can start the run again, and why not where that is to be said. */
export type RunAgain = { kind: 'yes' } | { kind: 'no' } | { kind: 'because'; why: string }

/** Instants are milliseconds since 1970. Every text has been through the run's redactor. */
interface RunView extends FrameView {
  id: string
  pipeline: string
  /** Whether the pipeline is still there. */
  pipelineHref: string | undefined
  status: RunStatus
  message: string | null
  facts: RunFacts
  tasks: readonly {
    number: number
    name: string
    status: ShownStatus
    code: number | null
    startedAt: number
    endedAt: number | null
  }[]
  /** The end of the log, for browsers without the script. */
  lines: readonly {
    /** Undefined where too much comes before to be counted. */
    number: number | undefined
    task: string | undefined
    stream: 'stdout' | 'stderr'
    /** The attempt whose first line it is, of every attempt but the first. */
    startsAttempt: number | undefined
    parts: readonly Stretch[]
  }[]
  /** The address of the lines before those. */
  earlierHref: string | undefined
  /** When the log was removed; null where it was not. */
  logRemovedAt: number | null
  /** Which button the caller gets. */
  action: 'stop' | 'resume' | undefined
  again: RunAgain
  /** Whether the pipeline has another source by now. */
  sourceChanged: boolean
  problem?: string | undefined
}

/** One run: its facts, its tasks and its log. With the script the log is live. */
export function renderRun(view: RunView): Promise<Page> {
  return appPage(view, {
    title: `${view.pipeline} · ${view.id}`,
    current: '/runs',
    wide: 'full',
    ...(view.logRemovedAt === null ? { script: '/assets/run.js' } : {}),
    main: html`<h1>${pipelineName(view)} <span id="run-status">${statusBadge(view.status)}</span></h1>
      <p class="lead"><code id="run-id">${view.id}</code> ${copyPlace('run-id', 'Copy the ID of the run')}</p>
      ${view.problem === undefined ? '' : html`<p class="alert" role="alert">${view.problem}</p>`}
      <p class="alert" id="run-message" ${view.message === null ? 'hidden' : ''}>${view.message ?? ''}</p>
      ${runFacts(view.facts)} ${actionForm(view)} ${badgeTemplate()}
      <h2 id="tasks-title">Tasks</h2>
      <ol class="tasks" id="tasks" aria-labelledby="tasks-title">
        ${view.tasks.map(taskRow)}
      </ol>
      <h2 id="log-title">Log</h2>
      ${view.logRemovedAt === null ? log(view) : removedLog(view.logRemovedAt)}`,
  })
}

function pipelineName({ pipeline, pipelineHref }: RunView): Markup {
  return pipelineHref === undefined ? html`${pipeline}` : html`<a href="${pipelineHref}">${pipeline}</a>`
}

/** The script replaces it once the run has ended. */
function actionForm(view: RunView): Markup {
  const { action, again } = view
  if (action === undefined && again.kind === 'no') return html`<div id="run-action" hidden></div>`
  const button = (value: string, text: string) =>
    buttonForm(view, { action: `/runs/${view.id}`, name: 'do', value, text })
  return html`<div class="after" id="run-action">
    ${view.sourceChanged ? changedSource(view) : ''}
    <div class="buttons">
      ${action === 'stop' ? button('stop', 'Stop') : ''}
      ${action === 'resume' ? button('resume', 'Resume: run again what failed') : ''}
      ${again.kind === 'yes' ? button('again', 'Run again') : ''}
    </div>
    ${again.kind === 'because' ? html`<p class="small" id="not-again">${again.why}</p>` : ''}
  </div>`
}

/** Which of the buttons runs which source. */
function changedSource({ pipeline, action, again }: RunView): Markup | '' {
  if (action !== 'resume' && again.kind !== 'yes') return ''
  const resumes = action === 'resume' ? ' Resume runs it as it was then; a new run has it as it is now.' : ''
  const repeats = action === 'resume' ? '' : ' Run again runs it as it is now.'
  return html`<p id="source-changed">
    The source of ${pipeline} has changed since this run was started.${resumes}${repeats}
  </p>`
}

function taskRow(task: RunView['tasks'][number]): Markup {
  const took = task.endedAt === null ? '' : duration(task.endedAt - task.startedAt)
  return html`<li data-number="${task.number}" data-status="${task.status}">
    <strong>${task.name}</strong> ${statusBadge(task.status)}
    <span class="small"
      >${task.code === null || task.code === 0 ? '' : html`exit code ${task.code},`} ${took}</span
    >
  </li>`
}

function removedLog(at: number): Markup {
  return html`<p>
    The log was removed ${timeElement(at)}: this server keeps logs for some time only. The run cannot be
    resumed any more.
  </p>`
}

function staticLine({ number, task, stream, startsAttempt, parts }: RunView['lines'][number]): Markup {
  const id = number === undefined ? '' : html`id="L${number}"`
  const link = number === undefined ? html`<a></a>` : html`<a href="#L${number}" tabindex="-1">${number}</a>`
  const text = parts.map(({ text: part, classes }) =>
    classes.length === 0 ? part : html`<span class="${classes.join(' ')}">${part}</span>`,
  )
  const of = html`<span class="of">${task ?? ''}</span>`
  // Without any other space: white space of a line is shown.
  const start = startsAttempt === undefined ? '' : html`<b class="attempt">attempt ${startsAttempt}</b>`
  return html`<li class="${stream}" ${id}>${link}${of}${start}<span>${text}</span></li>`
}

/** The script replaces the content of `#log` by the lines of the event stream. */
function log(view: RunView): Markup {
  return html`<div class="log-tools" id="log-tools" hidden>
      <label class="unseen" for="log-search">Search the log</label>
      <input id="log-search" type="search" placeholder="Search" autocomplete="off" spellcheck="false" />
      <button type="button" id="log-previous">Previous</button>
      <button type="button" id="log-next">Next</button>
      <span id="log-count" class="small" role="status"></span>
      <label class="unseen" for="log-task">Task</label>
      <select id="log-task">
        <option value="">all tasks</option>
      </select>
      <button type="button" id="log-error">First error</button>
      <button type="button" id="log-copy" hidden>Copy the log</button>
      <button type="button" id="log-follow" aria-pressed="false">Follow</button>
    </div>
    ${
      view.earlierHref === undefined
        ? ''
        : html`<p class="small" data-static><a href="${view.earlierHref}">Earlier output</a></p>`
    }
    <div
      class="log"
      id="log"
      tabindex="0"
      role="region"
      aria-labelledby="log-title"
      data-events="/runs/${view.id}/events${view.query}"
      ${isFinal(view.status) ? '' : 'data-live'}
    >
      ${
        view.lines.length === 0
          ? html`<p class="small" data-static>Nothing was printed yet.</p>`
          : html`<ol data-static>
              ${view.lines.map(staticLine)}
            </ol>`
      }
    </div>
    <p class="small">
      <a href="/runs/${view.id}/log${view.query}">Download the log</a> ·
      <code id="logs-command">fob runs logs ${view.id} -f</code>
      ${copyPlace('logs-command', 'Copy the command')}
    </p>`
}
