/** Accessibility violations of a page, as axe-core finds them. */
import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'

const SOURCE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')

interface AxeResult {
  violations: { id: string; impact: string; nodes: { html: string }[] }[]
  passes: unknown[]
}

/**
 * What axe-core finds wrong with a page, as `rule: element`, of the impacts serious and critical. The page's context
 * needs `bypassCSP: true`: our pages let no foreign script in.
 * @throws Error where axe found nothing to look at
 */
export async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(SOURCE)
  const result = await page.evaluate<AxeResult>('axe.run(document)')
  if (result.passes.length === 0) throw new Error('axe looked at nothing')
  return result.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
}
