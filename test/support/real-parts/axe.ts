/** Accessibility violations of a page, as axe-core finds them. */
import axe from 'axe-core'
import type { Browser, Page } from 'playwright-core'

/** Only violations need all their elements named: half of the time goes into the names of what is right. */
const RUN = `axe.run(document, { resultTypes: ['violations'] }).then(({ passes, violations }) => ({
  passed: passes.map(({ id }) => id),
  findings: violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => id + ': ' + html + failureSummary)),
}))`

/**
 * What axe-core finds wrong with a page that has it, as `rule: element`, of the impacts serious and critical.
 * @throws Error where axe found no colours to look at, as without the style sheet
 */
export async function seriousFindings(page: Page): Promise<string[]> {
  const { passed, findings } = await page.evaluate<{ passed: string[]; findings: string[] }>(RUN)
  if (findings.length === 0 && !passed.includes('color-contrast')) throw new Error('axe looked at no colours')
  return findings
}

/** A page with axe-core for each origin, to show documents of other pages in. */
export interface AxeJudge {
  /** @returns a page with the document that `shown` has now, without its scripts */
  copyOf(shown: Page): Promise<Page>
}

/**
 * Starting axe-core takes ten times what a look with it takes, and each document that is navigated to would start it.
 * So a page that has it gets the text of others: its window, and axe-core with it, stays.
 */
export function openAxeJudge(browser: Browser): AxeJudge {
  const pages = new Map<string, Promise<Page>>()
  const open = async (origin: string) => {
    const page = await browser.newPage()
    const start = `${origin}/axe`
    await page.route(start, (route) => route.fulfill({ body: '<!doctype html>', contentType: 'text/html' }))
    await page.route('**/*.js', (route) => route.abort())
    await page.goto(start)
    await page.evaluate(axe.source)
    return page
  }
  return {
    async copyOf(shown) {
      const { origin } = new URL(shown.url())
      const opening = pages.get(origin) ?? open(origin)
      pages.set(origin, opening)
      const page = await opening
      await page.setContent(await shown.content())
      return page
    },
  }
}
