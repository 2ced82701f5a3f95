/** The machine of one person: commands run in this process, on one home. */
import { join } from 'node:path'
import { runCommandLine } from '../../../src/cli/run-command-line.ts'
import { type Clock, systemClock } from '../../../src/platform/clock.ts'
import type { Fetch } from '../../../src/platform/fetch-type.ts'
import { scriptedBrowser } from './approving-browser.ts'
import { fakeDeps } from './fake-deps.ts'
import { temporaryFolder } from '../temporary.ts'

/** A person's machine: one home, one credentials file (never the real keychain), a browser that approves. */
export function machine(env: Record<string, string> = {}) {
  const home = join(temporaryFolder(), '.fob')
  const file = join(home, 'credentials')
  const browser = scriptedBrowser()
  const common = {
    PATH: process.env.PATH ?? '',
    FOB_AUTH_CONFIG: file,
    BROWSER: browser.command,
  }
  /** Time of this machine, moved on at will. */
  let ahead = 0
  const run = async (
    argv: string[],
    options: {
      stdin?: string | Uint8Array
      env?: Record<string, string>
      sleep?: Clock['sleep']
      fetch?: Fetch
      cwd?: string
    } = {},
  ) => {
    const deps = fakeDeps({ home, ...options, env: { ...common, ...env, ...options.env } })
    deps.clock = {
      sleep: options.sleep ?? ((ms, signal) => systemClock.sleep(ms, signal)),
      now: () => Date.now() + ahead,
    }
    if (options.fetch !== undefined) deps.fetch = options.fetch
    const code = await runCommandLine(argv, deps)
    return { code, out: deps.io.out(), err: deps.io.err() }
  }
  return { run, home, file, browser, advance: (ms: number) => (ahead += ms) }
}
