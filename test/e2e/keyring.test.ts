import { describe, expect } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { binaryLogin } from '../support/binary-login.ts'
import { FOB, fob } from '../support/fob.ts'
import { startBinaryServer } from '../support/fob-server.ts'
import { missingKeyringPart, runWithKeyring } from '../support/keyring.ts'
import { testWith } from '../support/parts.ts'
import { temporaryFolder } from '../support/temporary.ts'

describe('the credential in a real gnome-keyring', () => {
  testWith(
    missingKeyringPart(),
    'S198: login stores it there, other processes read it, logout takes it out, and no file ever holds it',
    async () => {
      const server = await startBinaryServer()
      const home = temporaryFolder()
      try {
        // A token to log in with, from an ordinary login elsewhere.
        const elsewhere = temporaryFolder()
        await binaryLogin(server.url, { home: elsewhere })
        const { out: token } = await fob(['auth', 'token'], { home: elsewhere })
        writeFileSync(join(elsewhere, 'token'), token)
        const script = [
          'set -eu',
          '"$FOB" auth login -s "$SERVER" --token-stdin < "$TOKEN_FILE"',
          'cp "$FOB_HOME/credentials" "$FOB_HOME/after-login"',
          '"$FOB" auth token',
          '"$FOB" auth status -o json',
          '"$FOB" auth logout >&2',
          '"$FOB" auth token || echo "exit $?"',
        ].join('\n')
        const { code, stdout, stderr } = await runWithKeyring('unlocked', ['sh', '-c', script], {
          FOB,
          HOME: home,
          FOB_HOME: join(home, '.fob'),
          SERVER: server.url,
          TOKEN_FILE: join(elsewhere, 'token'),
        })
        expect({ code, stderr }).toMatchObject({ code: 0 })
        const lines = stdout.split('\n')
        expect(lines[0]).toBe(token.trim())
        expect(stdout).toContain('keychain')
        expect(lines.at(-2)).toBe('exit 4')
        const file = readFileSync(join(home, '.fob', 'after-login'), 'utf8')
        expect(file).toContain(server.url)
        expect(file).not.toContain(token.trim())
      } finally {
        await server.stop()
      }
    },
    60_000,
  )
})
