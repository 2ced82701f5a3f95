/** HTML escaping on the page that ends a login. */
import { expect, test } from 'bun:test'
import { escapeHtml } from '../../../src/platform/browser/callback-page.ts'

test('escapeHtml leaves nothing that HTML reads', () => {
  expect(escapeHtml(`<a href="x" title='y'>&`)).toBe('&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;')
})
