/** The server in this process with two accounts of its own. */
import { Secret } from '../../../src/redact/secret.ts'
import { type Clock, systemClock } from '../../../src/platform/clock.ts'
import { withAccounts } from '../../../src/server/administration/open-data-folder.ts'
import { httpBrowser, type HttpBrowser } from './http-browser.ts'
import { localAccounts, startServer, type TestServer } from './test-server.ts'
import { temporaryFolder } from '../temporary.ts'

export const ADA = { email: 'ada@example.com', password: 'correct horse' }
export const BOB = { email: 'bob@example.com', password: 'battery staple' }

/** The whole server with two accounts of its own: Ada, an administrator, and Bob, a member. */
export async function startLocalWorld(clock: Clock = systemClock): Promise<TestServer> {
  const dataDir = temporaryFolder()
  await withAccounts({ dataDir, clock, create: true }, async (accounts) => {
    await accounts.addLocal({ email: ADA.email, password: new Secret(ADA.password), name: 'Ada Lovelace' })
    await accounts.addLocal({ email: BOB.email, password: new Secret(BOB.password) })
  })
  return startServer({ strategy: localAccounts, dataDir, vaultKey: 'none', clock })
}

/** A browser that is logged in to our own pages. */
export async function loggedInBrowser(
  server: TestServer,
  account: { email: string; password: string } = ADA,
): Promise<HttpBrowser> {
  const browser = httpBrowser()
  const login = await browser.open(`${server.url}/settings/sessions`)
  const page = await browser.submit(login, account)
  if (page.url.pathname !== '/settings/sessions') throw new Error(`logged in to ${page.url.pathname}`)
  return browser
}
