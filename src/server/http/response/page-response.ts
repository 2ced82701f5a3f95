/** A rendered page as a response. */
import type { Page } from '../../web/page-layout.ts'

/** @param more headers beside those of the page */
export function pageResponse(
  page: Page,
  status = 200,
  more: Readonly<Record<string, string>> = {},
): Response {
  return new Response(page.html, { status, headers: { ...page.headers, ...more } })
}

/** An error message, which is lower case and has no full stop, as a sentence of a page. */
export function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`
}
