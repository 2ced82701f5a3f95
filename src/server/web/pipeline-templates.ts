/** The pages of pipelines. */
import { html } from 'hono/html'
import { appPage, buttonForm, statusBadge } from './pipeline-and-run-frame.ts'
import type { FrameView } from './main-menu.ts'
import { copyPlace, type Markup, type Page } from './page-layout.ts'
import { older, type RunLine, runList } from './run-list-template.ts'
import { csrfField, timeElement } from './settings-page-layout.ts'

interface PipelinesView extends FrameView {
  pipelines: readonly { name: string; driver: string; paused: boolean; last: RunLine | undefined }[]
  nextHref: string | undefined
}

/** All pipelines that the caller may see, each with its last run. */
export function renderPipelines(view: PipelinesView): Promise<Page> {
  return appPage(view, {
    title: 'Pipelines',
    current: '/pipelines',
    main: html`<h1>Pipelines</h1>
      ${
        view.pipelines.length === 0
          ? html`<p class="lead">There are none yet. Add one with:</p>
              <pre class="command"><code id="set-command">fob pipeline set deploy.ts</code></pre>
              ${copyPlace('set-command', 'Copy the command')}`
          : html`<ul class="rows" aria-label="Pipelines">
              ${view.pipelines.map((pipeline) => pipelineRow(pipeline, view))}
            </ul>`
      }
      ${older(view.nextHref, 'More pipelines')}`,
  })
}

function pipelineRow(
  { name, driver, paused, last }: PipelinesView['pipelines'][number],
  view: FrameView,
): Markup {
  return html`<li>
    <div>
      <p>
        <a href="/pipelines/${encodeURIComponent(name)}${view.query}"><strong>${name}</strong></a>
        ${paused ? html`<span class="badge">paused</span>` : ''}
      </p>
      <p class="small">on ${driver}</p>
    </div>
    ${
      last === undefined
        ? html`<p class="small">never ran</p>`
        : html`<p class="small">
            ${statusBadge(last.status)}
            <a href="/runs/${last.id}${view.query}">${timeElement(last.createdAt, 'relative')}</a>
          </p>`
    }
  </li>`
}

interface PipelineView extends FrameView {
  name: string
  filename: string
  source: string
  driver: string
  paused: boolean
  updatedAt: number
  secrets: readonly string[]
  /** The names of secrets that its source needs and that are not set. */
  missing: readonly string[]
  /** The provider of its webhook; undefined where it has none. */
  webhook: string | undefined
  schedules: readonly { cron: string; timeZone: string; nextAt: number | null }[]
  runs: readonly RunLine[]
  olderHref: string | undefined
  /** Whether the caller may start one. */
  mayRun: boolean
  /** Whether the caller may pause it. */
  mayChange: boolean
  notice?: string | undefined
  problem?: string | undefined
}

/** One pipeline: its runs, what it needs, and its source with numbered lines. */
export function renderPipeline(view: PipelineView): Promise<Page> {
  const path = `/pipelines/${encodeURIComponent(view.name)}`
  return appPage(view, {
    title: view.name,
    current: '/pipelines',
    main: html`<h1>${view.name} ${view.paused ? html`<span class="badge">paused</span>` : ''}</h1>
      <p class="lead"><code>${view.filename}</code> on ${view.driver}, set ${timeElement(view.updatedAt)}</p>
      ${view.notice === undefined ? '' : html`<p class="notice" role="status">${view.notice}</p>`}
      ${view.problem === undefined ? '' : html`<p class="alert" role="alert">${view.problem}</p>`}
      ${view.mayRun && !view.paused ? runForm(view, path) : ''}
      ${
        view.mayChange
          ? html`<div class="after">
              ${buttonForm(view, {
                action: path,
                name: 'do',
                value: view.paused ? 'unpause' : 'pause',
                text: view.paused ? 'Unpause' : 'Pause',
              })}
            </div>`
          : ''
      }
      ${triggers(view)}
      <h2>Runs</h2>
      ${runList(view.runs, view, 'It has not run yet.')} ${older(view.olderHref, 'Older runs')}
      <h2>Secrets</h2>
      ${
        view.secrets.length === 0
          ? html`<p class="lead">It has none of its own.</p>`
          : html`<ul class="names">
              ${view.secrets.map((key) => html`<li><code>${key}</code></li>`)}
            </ul>`
      }
      ${view.missing.map(
        (key) =>
          html`<p class="alert">
            It needs <code>${key}</code>, which is not set:
            <code id="set-${key}">fob secrets set ${key} --pipeline ${view.name}</code>
            ${copyPlace(`set-${key}`, 'Copy the command')}
          </p>`,
      )}
      <h2 id="source">Source</h2>
      ${sourceListing(view.source)}`,
  })
}

/** What starts its runs automatically. */
function triggers({ webhook, schedules }: PipelineView): Markup | '' {
  if (webhook === undefined && schedules.length === 0) return ''
  return html`<h2>Starts automatically</h2>
    <ul class="names">
      ${webhook === undefined ? '' : html`<li>by a webhook (${webhook})</li>`}
      ${schedules.map(({ cron, timeZone, nextAt }) => {
        const next = nextAt === null ? '' : html`, next ${timeElement(nextAt, 'relative')}`
        return html`<li>at <code>${cron}</code> (${timeZone})${next}</li>`
      })}
    </ul>`
}

function runForm(view: PipelineView, path: string): Markup {
  return html`<details class="after">
    <summary>Run it now</summary>
    <form method="post" action="${path}${view.query}" class="fields">
      ${csrfField(view.csrf)}
      <label for="task">Task, for <code>pipelineContext.task</code></label>
      <input id="task" name="task" maxlength="4000" autocomplete="off" />
      <label for="args">Arguments, one a line</label>
      <textarea id="args" name="args" rows="3" maxlength="8000" spellcheck="false"></textarea>
      <button type="submit" name="do" value="run" class="primary">Run</button>
    </form>
  </details>`
}

/** Numbered lines that can be linked to (`#S` and the number). */
function sourceListing(source: string): Markup {
  const lines = source.replace(/\n$/, '').split('\n')
  return html`<pre class="source" tabindex="0" aria-labelledby="source"><code>${lines.map(
    (line, index) =>
      html`<span id="S${index + 1}"><a href="#S${index + 1}" tabindex="-1">${index + 1}</a>${line} </span>`,
  )}</code></pre>`
}
