/** The driver contract, part tasks: command, folder, environment, failures to start, and parallel tasks. */
import { describe, expect, test } from 'bun:test'
import { Fault } from '../../../../src/contract/fault.ts'
import { Secret } from '../../../../src/redact/secret.ts'
import type { TaskSpec } from '../../../../src/server/runs/drivers/driver-interface.ts'
import { openFixture, type Ran } from './fixture.ts'
import type { DriverWorld } from './contract.ts'

/** What a shell, or a container's daemon, puts there by itself. */
const EVERYWHERE = new Set(['PATH', 'HOME', 'TMPDIR', 'PWD', 'OLDPWD', 'SHLVL', 'HOSTNAME', '_'])

export function describeTasks(world: DriverWorld): void {
  describe('a task', () => {
    const fixture = openFixture(world)

    test.each<[string, string[] | string, Partial<TaskSpec>, Partial<Ran>]>([
      ['succeeds', ['true'], {}, { status: 'success', code: 0, stdout: '', stderr: '' }],
      ['fails with its code', 'exit 42', {}, { status: 'failure', code: 42 }],
      ['ends by a signal', 'kill -9 $$', {}, { status: 'failure', code: 137 }],
      ['takes arguments as they are', ['printf', '%s|', 'a b', '$HOME', ''], {}, { stdout: 'a b|$HOME||' }],
      ['keeps its streams apart', 'echo out; echo err >&2', {}, { stdout: 'out\n', stderr: 'err\n' }],
      ['takes stdin', ['cat'], { stdin: 'hällo' }, { stdout: 'hällo', status: 'success' }],
      ['takes an empty stdin', ['cat'], { stdin: '' }, { stdout: '', status: 'success' }],
      ['takes much on stdin', ['wc', '-c'], { stdin: 'x'.repeat(3e6) }, { stdout: '3000000\n' }],
      ['may leave stdin unread', ['true'], { stdin: 'x'.repeat(1e6) }, { status: 'success' }],
      ['has an empty stdin otherwise', ['cat'], {}, { stdout: '', status: 'success' }],
      ['knows its own name', ['sh', '-c', 'echo $0'], {}, { stdout: 'sh\n' }],
      ['works in a folder of its own', 'touch a && ls', {}, { stdout: 'a\n' }],
      ['may declare its own HOME', 'echo $HOME', { env: { HOME: '/h' } }, { stdout: '/h\n' }],
      [
        'works in a folder below its own, made for it',
        'pwd | grep -o "[^/]*/[^/]*$"',
        { workDir: 'a/b' },
        { stdout: 'a/b\n' },
      ],
      ['may name a folder that only looks like leaving', ['true'], { workDir: '..x' }, { status: 'success' }],
    ])(
      '%s',
      async (_, command, more, expected) => {
        expect(await fixture.run(command, more)).toMatchObject(expected)
      },
      30_000,
    )

    test.each([
      ['is not there', 'no-such-program', 127],
      ['is not there by path', './no/such', 127],
      ['is no program', '/etc/passwd', 126],
    ])(
      '%s, and its stderr says so',
      async (_, path, code) => {
        const ran = await fixture.run([path])
        expect(ran).toMatchObject({ status: 'error', code, stdout: '' })
        expect(ran.stderr).toContain(path)
        expect(ran.stderr).toEndWith('\n')
      },
      30_000,
    )

    test('does not work outside of its folder by way of ..', async () => {
      const ran = await fixture.run(['true'], { workDir: '../x' })
      expect(ran).toMatchObject({ status: 'error', code: 126 })
      expect(ran.stderr).toContain('../x')
    }, 30_000)

    test('S58: finds in its environment what it declares, byte for byte, and nothing of the server', async () => {
      process.env.FOB_TEST_OF_THE_SERVER = 'mine'
      const env = {
        PLAIN: 'a b',
        EMPTY: '',
        LINES: 'one\ntwo',
        SIGNS: '$HOME "quoted" \\ = ü',
        TOKEN: new Secret('s3cret'),
      }
      const { stdout } = await fixture.run('env; printf "<%s>" "$LINES" "$SIGNS" "$EMPTY" "$TOKEN"', { env })
      const names = [...stdout.matchAll(/^(\w+)=/gm)].map((match) => match[1] ?? '')
      expect(names.filter((name) => !EVERYWHERE.has(name)).toSorted()).toEqual(Object.keys(env).toSorted())
      expect(stdout).toEndWith('<one\ntwo><$HOME "quoted" \\ = ü><><s3cret>')
    }, 30_000)

    test('two of the same run go side by side', async () => {
      const runId = fixture.newRun()
      await fixture.driver().createVolume(runId, 'meeting')
      const mounts = [{ path: 'meeting', volume: 'meeting' }]
      // Each waits for the other.
      const meet = (mine: string, other: string) =>
        fixture.run(
          `touch meeting/${mine}; i=0
           while [ ! -e meeting/${other} ]; do i=$((i+1)); [ $i -gt 500 ] && exit 9; sleep 0.02; done`,
          { runId, mounts },
        )
      expect(await Promise.all([meet('a', 'b'), meet('b', 'a')])).toMatchObject([{ code: 0 }, { code: 0 }])
    }, 60_000)

    test.each<[string, boolean, Parameters<ReturnType<typeof fixture.driver>['refuse']>[0]]>([
      ['command.user', world.can.user, { command: { path: 'true', args: [], user: 'nobody' } }],
      ['limits', world.can.limits, { limits: { memoryBytes: 1e8 } }],
      ['limits', world.can.limits, { limits: { cpus: 0.5 } }],
      ['limits', world.can.limits, { limits: { processes: 5 } }],
      ['/workspace', world.can.absolutePaths, { mounts: [{ path: '/workspace', volume: 'v' }] }],
    ])('%s: taken or refused by name (%p)', (word, taken, asked) => {
      const refuse = () => fixture.driver().refuse(asked)
      if (taken) return expect(refuse).not.toThrow()
      expect(refuse).toThrow(Fault)
      expect(refuse).toThrow(`the ${world.name} driver `)
      expect(refuse).toThrow(word)
    })

    test('what asks for nothing special is not refused', () => {
      const mounts = [{ path: 'workspace', volume: 'v' }]
      fixture.driver().refuse({ image: 'alpine', command: { path: 'true', args: [] }, mounts, limits: {} })
    })
  })
}
