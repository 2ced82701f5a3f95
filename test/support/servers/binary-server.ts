import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fob, type Running, start } from '../client/compiled-binary.ts'
import { freePort } from '../free-port.ts'
import { temporaryFolder } from '../temporary.ts'

export const ADA = { email: 'ada@example.com', password: 'correct horse battery' }

export interface BinaryServer {
  url: string
  dataDir: string
  settingsFile: string
  running: Running
  /** Ends it as Ctrl-C would, and waits. */
  stop(): Promise<void>
}

/** The compiled binary as a server with local accounts and one user, on a free port. */
export async function startBinaryServer(): Promise<BinaryServer> {
  const folder = temporaryFolder()
  const dataDir = join(folder, 'data')
  const port = freePort()
  const url = `http://127.0.0.1:${port}`
  const secret = (name: string, text = randomBytes(32).toString('hex')) => {
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
      `session_secret_file = "${secret('session-secret')}"`,
      `[secrets.sqlite]`,
      `passphrase_file = "${secret('passphrase', 'correct horse')}"`,
    ].join('\n'),
  )
  const added = await fob(['server', 'user', 'add', ADA.email, '--data', dataDir, '--password-stdin'], {
    stdin: ADA.password,
  })
  if (added.code !== 0) throw new Error(`no user: ${added.err}`)
  const running = start(['server', '--config', settingsFile])
  await running.saw('"listening"')
  return {
    url,
    dataDir,
    settingsFile,
    running,
    async stop() {
      running.child.kill('SIGINT')
      await running.ended
    },
  }
}
