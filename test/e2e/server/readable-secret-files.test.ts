/** Files of secrets that other users can read are warned about, and what a process of the same user can see. */
import { describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
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

describe('secrets that are mounted', () => {
  test('are swapped under a running server by a link, and SIGHUP reads them again', async () => {
    const folder = temporaryFolder()
    // As Kubernetes mounts them: the file is a link by way of a link that is exchanged.
    const publish = (version: string, text: string) => {
      mkdirSync(join(folder, version))
      writeFileSync(join(folder, version, 'secrets.env'), text, { mode: 0o644 })
      symlinkSync(version, join(folder, '..data_tmp'))
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
    }
    publish('..1', 'SHARED=first-value\n')
    symlinkSync('..data/secrets.env', join(folder, 'secrets.env'))
    writeFileSync(join(folder, 'key'), 'a'.repeat(64), { mode: 0o600 })
    const place = ['--listen', `127.0.0.1:${freePort()}`, '--data', join(folder, 'data')]
    const secrets = ['--secrets-key-file', join(folder, 'key'), '--secret-file', join(folder, 'secrets.env')]
    const server = start(['server', ...place, ...secrets])
    await server.saw('"listening"')
    publish('..2', 'SHARED=second-value\nMORE=another-value\n')
    server.child.kill('SIGHUP')
    await server.saw('"message":"read the secret files again","secrets":2')
    publish('..3', 'not a line of a file of secrets\n')
    server.child.kill('SIGHUP')
    await server.saw('"message":"the secret files were not read again, and all stays as it was"')
    server.child.kill('SIGTERM')
    const ended = await server.ended
    expect(ended.code).toBe(0)
    expect(ended.err).not.toContain('-value')
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
