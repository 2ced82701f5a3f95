/** Opens a page of the server in the browser. */
import { Fault } from '../../contract/fault.ts'
import { openBrowser } from '../../platform/browser/open-browser.ts'
import type { Deps } from '../deps.ts'

/** @throws Fault `failed` with the address, where no browser opens it */
export async function openWebPage(url: string, { env }: Pick<Deps, 'env'>): Promise<void> {
  if (await openBrowser(url, { env })) return
  throw new Fault('failed', 'no browser could be opened', { hint: `open it yourself: ${url}` })
}
