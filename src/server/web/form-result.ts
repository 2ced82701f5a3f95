/** What a page says about the form that was just sent to it. */
import { html } from 'hono/html'
import type { Markup } from './page-layout.ts'

export interface FormResult {
  /** What was done. */
  notice?: string | undefined
  /** Why it was not done. */
  problem?: string | undefined
}

export function formResult({ notice, problem }: FormResult): Markup | '' {
  if (problem !== undefined) return html`<p class="alert" role="alert">${problem}</p>`
  return notice === undefined ? '' : html`<p class="notice" role="status">${notice}</p>`
}
