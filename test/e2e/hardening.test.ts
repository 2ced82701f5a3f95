import { describe, expect } from 'bun:test'
import { testWith } from '../support/parts.ts'
import { asPlainUser, fobOfPlainUser, giveToPlainUser, missingPlainUser } from '../support/plain-user.ts'
import { freePort } from '../support/free-port.ts'
import { temporaryFolder } from '../support/temporary.ts'

describe('a process of the same user', () => {
  testWith(
    missingPlainUser(),
    "cannot read the server's passphrase out of its environment or memory",
    async () => {
      const data = temporaryFolder()
      giveToPlainUser(data)
      const command = [fobOfPlainUser(), 'server', '--listen', `127.0.0.1:${freePort()}`, '--data', data]
      const server = Bun.spawn(asPlainUser(command), {
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
          const look = Bun.spawnSync(asPlainUser(['head', '-c', '65536', `/proc/${server.pid}/${file}`]), {
            cwd: '/',
          })
          expect({ file, code: look.exitCode, out: look.stdout.toString() }).toEqual({
            file,
            code: 1,
            out: '',
          })
        }
      } finally {
        server.kill()
        await server.exited
      }
    },
  )
})
