import { describe, expect } from 'bun:test'
import { chownSync } from 'node:fs'
import { FOB } from '../support/fob.ts'
import { testWith } from '../support/parts.ts'
import { freePort } from '../support/server.ts'
import { temporaryFolder } from '../support/temporary.ts'

const NOBODY = 65_534
const root = process.getuid?.() === 0
const missing =
  process.platform !== 'linux' ? 'Linux' : root && Bun.which('setpriv') === null ? 'setpriv' : undefined

/** Root can look into everything, so as root both sides become somebody else. */
const asUser = (command: string[]): string[] =>
  root ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', ...command] : command

describe('a process of the same user', () => {
  testWith(missing, "cannot read the server's passphrase out of its environment or memory", async () => {
    const data = temporaryFolder()
    if (root) chownSync(data, NOBODY, NOBODY)
    const server = Bun.spawn(asUser([FOB, 'server', '--listen', `127.0.0.1:${freePort()}`, '--data', data]), {
      cwd: '/',
      env: {
        PATH: process.env.PATH ?? '',
        FOB_HOME: data,
        FOB_SECRETS_SQLITE_PASSPHRASE: 'canary-passphrase',
      },
      stderr: 'pipe',
    })
    try {
      for await (const chunk of server.stderr) if (Buffer.from(chunk).includes('"listening"')) break
      for (const file of ['environ', 'mem', 'maps']) {
        const look = Bun.spawnSync(asUser(['head', '-c', '65536', `/proc/${server.pid}/${file}`]), {
          cwd: '/',
        })
        expect({ file, code: look.exitCode, out: look.stdout.toString() }).toEqual({ file, code: 1, out: '' })
      }
    } finally {
      server.kill()
      await server.exited
    }
  })
})
