/** The compiled binary as a server with accounts of its own. */
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../../src/platform/clock.ts'
import { Secret } from '../../../src/redact/secret.ts'
import { administer, type Administration } from '../../../src/server/administration/open-data-folder.ts'
import { type Running, start } from '../client/compiled-binary.ts'
import { freePort } from '../free-port.ts'
import { temporaryFolder } from '../temporary.ts'
import { vaultKeyFile } from './vault-key-file.ts'

export const ADA = { email: 'ada@example.com', password: 'correct horse battery' }

export interface BinaryServer extends AsyncDisposable {
  url: string
  dataDir: string
  settingsFile: string
  running: Running
  /** Ends it as Ctrl-C would, and waits. */
  stop(): Promise<void>
}

/**
 * Starts one with one user on a free port. The user is added here rather than by `fob server user add`, with a
 * password hash that is quick to check.
 * @param passphrase opens the vault, in place of a key file. @param setUp adds more to the empty server
 * @param tables more of the settings file, at its end
 */
export async function startBinaryServer({
  passphrase,
  setUp,
  tables = [],
}: {
  passphrase?: string
  tables?: readonly string[]
  setUp?: (administration: Administration) => Promise<unknown>
} = {}): Promise<BinaryServer> {
  const folder = temporaryFolder()
  const dataDir = join(folder, 'data')
  const port = freePort()
  const url = `http://127.0.0.1:${port}`
  const secret = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  const settingsFile = join(folder, 'fob.toml')
  writeFileSync(
    settingsFile,
    [
      `listen = "127.0.0.1:${port}"`,
      `data = "${dataDir}"`,
      'local_accounts = true',
      `[oauth]`,
      `callback_url = "${url}"`,
      `session_secret_file = "${secret('session-secret', randomBytes(32).toString('hex'))}"`,
      ...(passphrase === undefined
        ? ['[secrets]', `key_file = "${vaultKeyFile(folder)}"`]
        : ['[secrets.sqlite]', `passphrase_file = "${secret('passphrase', passphrase)}"`]),
      ...tables,
    ].join('\n'),
  )
  await administer({ dataDir, clock: systemClock, create: true }, async (administration) => {
    const password = new Secret(ADA.password)
    await administration.accounts.addLocal({ email: ADA.email, password })
    await setUp?.(administration)
  })
  const running = start(['server', '--config', settingsFile])
  await running.saw('"listening"')
  const stop = async () => {
    running.child.kill('SIGINT')
    await running.ended
  }
  return { url, dataDir, settingsFile, running, stop, [Symbol.asyncDispose]: stop }
}
