/** The page of runs with its filters, and runs as a list, which the page of a pipeline shows too. */
import { html } from 'hono/html'
import { runStatus } from '../../contract/run-events.ts'
import { type FrameView, hiddenFields } from './main-menu.ts'
import type { Markup, Page } from './page-layout.ts'
import {
  appPage,
  buttonForm,
  duration,
  type ShownStatus,
  statusBadge,
  statusWord,
} from './pipeline-and-run-frame.ts'
import { timeElement } from './settings-page-layout.ts'

/** A run in a list. Instants are milliseconds since 1970. */
export interface RunLine {
  id: string
  pipeline: string
  status: ShownStatus
  triggeredBy: string
  /** The name of the token or service key that it was started with. */
  tokenName: string | null
  createdAt: number
  startedAt: number | null
  endedAt: number | null
  /** Whether there is a button that starts it again. */
  again: boolean
}

/** The filters as they stand in the address, by parameter. */
export interface RunFilterTexts {
  pipeline: string
  status: string
  by: string
  since: string
  until: string
}

interface RunsView extends FrameView {
  filter: RunFilterTexts
  /** Those of `filter` that are not empty. */
  given: Readonly<Partial<RunFilterTexts>>
  /** What the fields offer. */
  suggested: { pipelines: readonly string[]; by: readonly string[] }
  /** The address without filters. */
  clearHref: string
  runs: readonly RunLine[]
  nextHref: string | undefined
  problem: string | undefined
}

/** The runs of all pipelines, newest first. */
export function renderRuns(view: RunsView): Promise<Page> {
  return appPage(view, {
    title: 'Runs',
    current: '/runs',
    kept: view.given,
    main: html`<h1>Runs</h1>
      ${view.problem === undefined ? '' : html`<p class="alert" role="alert">${view.problem}</p>`}
      ${filterForm(view)} ${view.problem === undefined ? found(view) : ''}`,
  })
}

function found(view: RunsView): Markup {
  const isFiltered = Object.keys(view.given).length > 0
  const clear = html`<a href="${view.clearHref}">Clear the filters</a>`
  if (view.runs.length === 0 && isFiltered) {
    return view.nextHref === undefined
      ? html`<p class="lead">No run matches these filters. ${clear}</p>`
      : html`<p class="lead">Of the runs that were searched so far, none matches these filters. ${clear}</p>
          ${older(view.nextHref, 'Search older runs')}`
  }
  return html`${isFiltered ? html`<p class="lead">${clear}</p>` : ''}
  ${runList(view.runs, view, 'There are none yet.', true)} ${older(view.nextHref, 'Older runs')}`
}

/** An ordinary form: the filters stand in the address. */
function filterForm({ filter, suggested, query }: RunsView): Markup {
  return html`<form method="get" action="/runs" class="filters" role="search" aria-label="Filter the runs">
    ${hiddenFields(Object.fromEntries(new URLSearchParams(query)))}
    <div>
      <label for="pipeline">Pipeline</label>
      <input id="pipeline" name="pipeline" list="pipelines" autocomplete="off" value="${filter.pipeline}" />
      ${options('pipelines', suggested.pipelines)}
    </div>
    <div>
      <label for="status">State</label>
      <select id="status" name="status">
        ${['', ...runStatus.options].map(
          (value) =>
            html`<option value="${value}" ${value === filter.status ? 'selected' : ''}>
              ${isStatus(value) ? statusWord(value) : 'any'}
            </option>`,
        )}
      </select>
    </div>
    <div>
      <label for="by">Started by</label>
      <input
        id="by"
        name="by"
        list="starters"
        maxlength="320"
        autocomplete="off"
        placeholder="person, token, schedule, webhook"
        value="${filter.by}"
      />
      ${options('starters', suggested.by)}
    </div>
    ${timeField('since', 'Since', filter.since, '7d or 2026-01-31')}
    ${timeField('until', 'Until', filter.until, '24h or 2026-01-31')}
    <button type="submit">Show</button>
  </form>`
}

function isStatus(value: string): value is (typeof runStatus.options)[number] {
  return runStatus.options.some((status) => status === value)
}

function options(id: string, values: readonly string[]): Markup {
  return html`<datalist id="${id}">
    ${values.map((value) => html`<option value="${value}"></option>`)}
  </datalist>`
}

function timeField(name: string, label: string, value: string, example: string): Markup {
  return html`<div>
    <label for="${name}">${label}</label>
    <input id="${name}" name="${name}" autocomplete="off" placeholder="${example}" value="${value}" />
  </div>`
}

/** @param named whether each run says which pipeline it is of */
export function runList(runs: readonly RunLine[], view: FrameView, none: string, named = false): Markup {
  if (runs.length === 0) return html`<p class="lead">${none}</p>`
  return html`<ul class="rows" aria-label="Runs">
    ${runs.map((run) => runRow(run, view, named))}
  </ul>`
}

function runRow(run: RunLine, view: FrameView, named: boolean): Markup {
  const took =
    run.startedAt === null || run.endedAt === null ? '' : html`, ${duration(run.endedAt - run.startedAt)}`
  const again = html`Run again<span class="unseen"> ${run.pipeline}, ${run.id}</span>`
  return html`<li>
    <p>
      ${statusBadge(run.status)} ${named ? html`<strong>${run.pipeline}</strong>` : ''}
      <a href="/runs/${run.id}${view.query}"><code>${run.id}</code></a>
    </p>
    <p class="small">
      ${timeElement(run.createdAt, 'relative')} by
      ${run.triggeredBy}${run.tokenName === null ? '' : html` (token ${run.tokenName})`}${took}
    </p>
    ${run.again ? buttonForm(view, { action: `/runs/${run.id}`, name: 'do', value: 'again', text: again }) : ''}
  </li>`
}

export function older(href: string | undefined, text: string): Markup | '' {
  return href === undefined ? '' : html`<p class="next"><a href="${href}">${text}</a></p>`
}
