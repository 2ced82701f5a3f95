/** Files of secrets that other users can read are warned about, and what a process of the same user can see. */
import { describe, expect, test } from 'bun:test'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { start } from '../../support/client/compiled-binary.ts'
import { testWith } from '../../support/real-parts/skip-without-part.ts'
import {
  asPlainUser,
  fobOfPlainUser,
  giveToPlainUser,
  missingPlainUser,
} from '../../support/real-parts/plain-user.ts'
import { freePort } from '../../support/free-port.ts'
import { temporaryFolder } from '../../support/temporary.ts'

describe('a file of secrets that others can read', () => {
  test('is warned about at the start of a server, with what mends it', async () => {
    const folder = temporaryFolder()
    const config = join(folder, 'fob.toml')
    const password = join(folder, 'password')
    const lines = [`listen = "127.0.0.1:${freePort()}"`, 'data = "data"', 'basic_auth_username = "admin"']
    writeFileSync(config, [...lines, 'basic_auth_password_file = "password"'].join('\n'))
    writeFileSync(password, 'a long password')
    for (const path of [config, password]) chmodSync(path, 0o644)
    const starting = async () => {
      const server = start(['server', '--config', config])
      await server.saw('"listening"')
      server.child.kill('SIGINT')
      return (await server.ended).err
    }
    const warned = await starting()
    expect(warned).toContain('"others can read a file of secrets"')
    expect(warned).toContain(`chmod 600 ${password}`)
    expect(warned).not.toContain(`chmod 600 ${config}`)
    chmodSync(password, 0o600)
    expect(await starting()).not.toContain('chmod')
  })
})

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
