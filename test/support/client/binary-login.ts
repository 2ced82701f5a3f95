/** A whole login of the compiled binary, with a person at the pages. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { shellScript } from './approving-browser.ts'
import { type Ended, type Options, start } from './compiled-binary.ts'
import { ADA } from '../servers/binary-server.ts'
import { httpBrowser, type Page } from '../servers/http-browser.ts'
import { temporaryFolder } from '../temporary.ts'

/** A `$BROWSER` that only notes which address it was to open. */
export function notingBrowser(): { command: string; opened(): Promise<string> } {
  const note = join(temporaryFolder(), 'url')
  const command = shellScript(`printf %s "$1" >"${note}.part" && mv "${note}.part" "${note}"`)
  return {
    command,
    async opened() {
      const deadline = Date.now() + 20_000
      while (!existsSync(note)) {
        if (Date.now() > deadline) throw new Error('no browser was opened')
        await Bun.sleep(10)
      }
      return readFileSync(note, 'utf8')
    },
  }
}

/** A whole `fob auth login`: the binary on one side, the real pages over HTTP on the other. */
export async function binaryLogin(
  server: string,
  options: Options & { args?: readonly string[]; button?: 'Authorize' | 'Deny' } = {},
): Promise<Ended & { page: Page }> {
  const { args = ['--insecure-storage'], button = 'Authorize', ...rest } = options
  const browser = notingBrowser()
  const running = start(['auth', 'login', '-s', server, ...args], {
    ...rest,
    env: { ...rest.env, BROWSER: browser.command },
  })
  const http = httpBrowser()
  const signIn = await http.open(await Promise.race([browser.opened(), gaveUp(running.ended)]))
  const consent = await http.submit(signIn, ADA)
  const page = await http.submit(consent, {}, button)
  return { ...(await running.ended), page }
}

async function gaveUp(ended: Promise<Ended>): Promise<never> {
  const { code, err } = await ended
  throw new Error(`the login ended with ${code}: ${err}`)
}
