/** The frame of the pages about pipelines and runs: menu, buttons, badges, durations. */
import { html } from 'hono/html'
import { type Markup, type Page, page } from './page-layout.ts'
import { csrfField } from './settings-page-layout.ts'

/** What each of these pages shows around its own part. */
export interface AppView {
  /** The name of the person who is logged in; undefined where nobody logs in. */
  account: string | undefined
  /** The session value that every form has to carry; empty where there is no session. */
  csrf: string
  host: string
  /** The query of every link and form: empty, or `?tenant=SLUG`. */
  query: string
}

interface FrameParts {
  title: string
  current: '/pipelines' | '/runs'
  main: Markup
  wide?: 'full'
  script?: string
}

const PAGES = [
  { path: '/pipelines', text: 'Pipelines' },
  { path: '/runs', text: 'Runs' },
] as const

/** The frame of these pages: the menu, and the link to the settings where there are any. */
export function appPage(view: AppView, { title, current, main, wide, script }: FrameParts): Promise<Page> {
  return page({
    title,
    host: view.host,
    wide: wide ?? true,
    ...(script === undefined ? {} : { script }),
    main: html`<nav class="menu" aria-label="Main">
        <ul>
          ${PAGES.map(
            ({ path, text }) =>
              html`<li>
                <a href="${path}${view.query}" ${path === current ? html`aria-current="page"` : ''}
                  >${text}</a
                >
              </li>`,
          )}
        </ul>
        ${view.account === undefined ? '' : html`<a href="/settings/sessions">${view.account}</a>`}
      </nav>
      ${main}`,
  })
}

/** A form that is one button, with the session value. */
export function buttonForm(
  view: AppView,
  { action, name, value, text }: { action: string; name: string; value: string; text: string | Markup },
): Markup {
  return html`<form method="post" action="${action}${view.query}" class="plain">
    ${csrfField(view.csrf)}<button type="submit" name="${name}" value="${value}">${text}</button>
  </form>`
}

const WORDS = {
  queued: 'queued',
  running: 'running',
  success: 'passed',
  failed: 'failed',
  stopped: 'stopped',
  failure: 'failed',
  abort: 'ended early',
  error: 'not started',
} as const
export type ShownStatus = keyof typeof WORDS

/** A status as a word with a colour. The colour adds no information. */
export function statusBadge(status: ShownStatus): Markup {
  return html`<span class="badge status-${status}">${WORDS[status]}</span>`
}

/** One badge of each status, for the script of a page. */
export function badgeTemplate(): Markup {
  const statuses = Object.keys(WORDS) as ShownStatus[]
  return html`<template id="badges">${statuses.map(statusBadge)}</template>`
}

/** `1.4 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
