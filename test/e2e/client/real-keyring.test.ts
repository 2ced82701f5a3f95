/** Credentials in a real gnome-keyring: unlocked, locked, unreachable and absent, and two accounts of one server. */
import { describe, expect } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { binaryLogin } from '../../support/client/binary-login.ts'
import { FOB, fob } from '../../support/client/compiled-binary.ts'
import { startBinaryServer } from '../../support/servers/binary-server.ts'
import { missingKeyringPart, runWithKeyring } from '../../support/real-parts/keyring.ts'
import { testWith } from '../../support/real-parts/skip-without-part.ts'
import { startPeopleServer } from '../../support/servers/people-server.ts'
import { temporaryFolder } from '../../support/temporary.ts'

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

  const matrix = [
    ['unlocked', 'keychain', 'keychain: usable', undefined],
    ['locked', 'file', 'keychain: locked (it is locked)', 'it is locked'],
    ['hidden-bus', 'file', 'keychain: no bus (there is no D-Bus session)', 'there is no D-Bus session'],
    ['absent', 'file', 'keychain: none (no keychain service is running)', 'no keychain service is running'],
  ] as const
  for (const [state, place, line, why] of matrix) {
    for (const [what, token] of [
      ['a short credential', 'canary-ada'],
      ['one of 6 KiB', `canary-ada${'0123456789abcdef'.repeat(384)}`],
    ] as const) {
      testWith(
        missingKeyringPart(),
        `S198, S199, S235: ${state} keyring, ${what}: it rests in the ${place}, auth status says why, logout clears it`,
        async () => {
          const server = startPeopleServer()
          const folder = temporaryFolder()
          const script = [
            'printf %s "$TOKEN" | "$FOB" auth login -s "$SERVER" --token-stdin',
            'echo "== $?"; cat "$FOB_HOME/credentials"',
            'echo "== $?"; "$FOB" auth token',
            'echo "== $?"; "$FOB" auth status -o json 2>&1',
            'echo "== $?"; "$FOB" auth logout',
            'echo "== $?"; "$FOB" auth token',
            'echo "== $?"; cat "$FOB_HOME/credentials"',
          ].join('\n')
          const { stdout, stderr } = await runWithKeyring(state, ['sh', '-c', script], {
            FOB,
            HOME: folder,
            FOB_HOME: join(folder, '.fob'),
            SERVER: server.url,
            TOKEN: token,
            DISPLAY: undefined,
          })
          await server.stop()
          const [login, file, given, status, , after, left] = stdout.split(/== \d+\n/)
          expect(stdout.match(/== \d+/g)).toEqual(['== 0', '== 0', '== 0', '== 0', '== 0', '== 4'])
          expect([login, given, after]).toEqual(['', `${token}\n`, ''])
          expect(file?.includes(token)).toBe(place === 'file')
          expect(status).toContain(`"storage":"${place}"`)
          expect(status).toContain(line)
          const warnings = stderr.match(/warning: the keychain cannot be used.*/g) ?? []
          expect(warnings).toHaveLength(why === undefined ? 0 : 1)
          expect(warnings.join()).toContain(why ?? '')
          expect(left).not.toContain('canary')
        },
        60_000,
      )
    }
  }

  testWith(
    missingKeyringPart(),
    'S198: two accounts of one server have an entry each, and each goes alone',
    async () => {
      const server = startPeopleServer()
      const folder = temporaryFolder()
      const script = [
        'set -e; FOB_SERVER=$SERVER; export FOB_SERVER',
        'for who in ada bob; do printf %s "canary-$who" | "$FOB" -q auth login --token-stdin; done',
        '"$FOB" auth token; FOB_ACCOUNT=ada "$FOB" auth token',
        '"$FOB" -q auth switch ada; "$FOB" auth token; "$FOB" -q auth logout; "$FOB" auth token',
      ].join('\n')
      const { code, stdout, stderr } = await runWithKeyring('unlocked', ['sh', '-c', script], {
        FOB,
        HOME: folder,
        FOB_HOME: join(folder, '.fob'),
        SERVER: server.url,
      })
      await server.stop()
      expect({ code, stderr }).toMatchObject({ code: 0 })
      expect(stdout.split('\n')).toEqual(['canary-bob', 'canary-ada', 'canary-ada', 'canary-bob', ''])
      expect(readFileSync(join(folder, '.fob', 'credentials'), 'utf8')).not.toContain('canary')
    },
    60_000,
  )

  testWith(
    missingKeyringPart(),
    'R12, S235: a logout that cannot reach the keychain leaves a mark, exits 1, and is finished when it can be',
    async () => {
      const server = startPeopleServer()
      const folder = temporaryFolder()
      const script = [
        'printf canary-ada | "$FOB" auth login -s "$SERVER" --token-stdin',
        '(DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent; export DBUS_SESSION_BUS_ADDRESS',
        'echo "== $?"; "$FOB" auth status --check -o json',
        'echo "== $?"; "$FOB" auth logout 2>&1',
        'echo "== $?"; "$FOB" auth logout --all 2>&1)',
        'echo "== $?"; "$FOB" auth token',
        `echo "== $?"; "$FOB" auth status 2>&1`,
        'echo "== $?"; cat "$FOB_HOME/credentials"',
      ].join('\n')
      const { stdout } = await runWithKeyring('unlocked', ['sh', '-c', script], {
        FOB,
        HOME: folder,
        FOB_HOME: join(folder, '.fob'),
        SERVER: server.url,
        DISPLAY: undefined,
      })
      await server.stop()
      const [, status, gone, all, token, finished, left] = stdout.split(/== \d+\n/)
      expect(stdout.match(/== \d+/g)).toEqual(['== 0', '== 4', '== 1', '== 1', '== 4', '== 4'])
      expect(JSON.parse(status ?? '')).toMatchObject([{ state: 'unreadable', check: 'failed' }])
      const stays = (why: string) =>
        `fob: not logged out of ${server.url} (ada@example.com): the keychain cannot be used, ${why}\n` +
        'hint: commands no longer use it; make it usable, then run this again; until then the server may still accept the token\n'
      const noBus = stays('there is no D-Bus session')
      expect([gone, all, token]).toEqual([noBus, noBus, ''])
      expect(finished).toContain(`Logged out of ${server.url} (ada@example.com)`)
      expect(left).not.toContain('id-ada')
    },
    60_000,
  )
})
