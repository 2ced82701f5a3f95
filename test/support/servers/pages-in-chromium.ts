import { createHash, randomBytes } from 'node:crypto'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { chromium } from 'playwright-core'
import { fob } from '../client/compiled-binary.ts'
import { ADA, type BinaryServer, startBinaryServer } from './binary-server.ts'
import { chromiumPath } from '../real-parts/skip-without-part.ts'
import {
  startServerWithIdentityProviders,
  type ServerWithIdentityProviders,
} from './server-with-identity-providers.ts'

/**
 * The binary twice (accounts of its own; stand-ins of all identity providers), and a Chromium to look at its pages
 * with.
 */
export interface PageWorld {
  local: BinaryServer
  providers: ServerWithIdentityProviders
  browser: Browser
  /**
   * A page without scripts: in the browser of `who`, logged in on the server with accounts of its own, or in a fresh
   * one.
   */
  open(who?: PageVisitor): Promise<{ page: Page; close(): Promise<void> }>
  stop(): Promise<void>
}

/** Ada administers; Bob is a member. */
export type PageVisitor = 'ada' | 'bob'

export const BOB = { email: 'bob@example.com', password: 'bobs own password' }

const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-sync',
  // Pictures are smaller, and the same on every machine, without colours at the edges of letters.
  '--disable-lcd-text',
]
export const NARROW = { width: 360, height: 640 }

export async function startPageWorld(): Promise<PageWorld> {
  const local = await startBinaryServer()
  const added = await fob(['server', 'user', 'add', BOB.email, '--data', local.dataDir, '--password-stdin'], {
    stdin: BOB.password,
  })
  if (added.code !== 0) throw new Error(`no second user: ${added.err}`)
  const providers = await startServerWithIdentityProviders()
  const browser = await chromium.launch({ executablePath: chromiumPath() ?? 'chromium', args: ARGS })
  const known = new Map<PageVisitor, BrowserContext>()
  const newWindow = () => browser.newContext({ viewport: NARROW, javaScriptEnabled: false })
  const windowOf = async (who: PageVisitor): Promise<BrowserContext> => {
    const context = await newWindow()
    const page = await context.newPage()
    await page.goto(`${local.url}/settings/sessions`)
    await signIn(page, who === 'ada' ? ADA : BOB)
    await page.getByRole('heading', { name: 'Sessions' }).waitFor()
    await page.close()
    known.set(who, context)
    return context
  }
  return {
    local,
    providers,
    browser,
    async open(who) {
      const context = who === undefined ? await newWindow() : (known.get(who) ?? (await windowOf(who)))
      const page = await context.newPage()
      return { page, close: () => (who === undefined ? context.close() : page.close()) }
    },
    async stop() {
      await browser.close()
      await local.stop()
      await providers.stop()
    },
  }
}

/** Fills in the login page. */
export async function signIn(page: Page, { email, password }: typeof ADA): Promise<void> {
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** Where a program sends the browser to log in; without `clientId`, our command line. */
export function authorizeUrl(server: string, clientId = 'fob-cli', port = 8765): string {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: `http://127.0.0.1:${port}/callback`,
    state: randomBytes(16).toString('base64url'),
    code_challenge: createHash('sha256').update('v'.repeat(43)).digest('base64url'),
    code_challenge_method: 'S256',
  })
  return `${server}/oauth/authorize?${query.toString()}`
}

/** A device asks to be logged in. @returns the code that a person types */
export async function askForDevice(server: string): Promise<string> {
  const answer = await fetch(`${server}/oauth/device_authorization`, {
    method: 'POST',
    body: new URLSearchParams({ client_id: 'fob-cli' }),
    headers: { 'user-agent': 'fob/0.1.0 (build-host-7)' },
  })
  return ((await answer.json()) as { user_code: string }).user_code
}
