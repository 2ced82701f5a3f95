/** The frame of the pages about pipelines, runs and secrets: menu, buttons, badges, durations. */
import { html } from 'hono/html'
import { type FrameView, mainMenu } from './main-menu.ts'
import { MENU_SCRIPTS, type ScriptPath } from './browser-scripts/script-texts.ts'
import { type Markup, type Page, page } from './page-layout.ts'
import { csrfField } from './settings-page-layout.ts'

interface FrameParts {
  title: string
  current: '/pipelines' | '/runs' | '/secrets'
  main: Markup
  wide?: 'full'
  script?: ScriptPath
  /** What of the query stays when the tenant is switched. */
  kept?: Readonly<Record<string, string>>
}

/** The frame of these pages: the menu, and what is the page's own. */
export function appPage(
  view: FrameView,
  { title, current, main, wide, script, kept }: FrameParts,
): Promise<Page> {
  return page({
    title,
    host: view.host,
    wide: wide ?? true,
    scripts: script === undefined ? MENU_SCRIPTS : [...MENU_SCRIPTS, script],
    main: html`${mainMenu(view, current, { path: current, kept })} ${main}`,
  })
}

/** A form that is one button, with the session value. */
export function buttonForm(
  view: Pick<FrameView, 'csrf' | 'query'>,
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

/** What the badges say, by status. */
export function statusWord(status: ShownStatus): string {
  return WORDS[status]
}
