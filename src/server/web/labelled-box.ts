/** A box to tick or to choose, with its label. */
import { html } from 'hono/html'
import type { Markup } from './page-layout.ts'

export function box(
  type: 'checkbox' | 'radio',
  name: string,
  value: string,
  checked: boolean,
  text: Markup,
): Markup {
  return html`<label class="box">
    <input type="${type}" name="${name}" value="${value}" ${checked ? 'checked' : ''} />
    <span>${text}</span>
  </label>`
}
