/** A working folder whose bunfig.toml and .env try to run code: the compiled binary ignores them. */
import { describe, expect, test } from 'bun:test'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fob } from '../../support/client/compiled-binary.ts'
import { temporaryFolder } from '../../support/temporary.ts'

describe('a folder that wants to run code by `cd`', () => {
  const folder = temporaryFolder()
  const proof = join(folder, 'it-ran')
  writeFileSync(
    join(folder, 'evil.ts'),
    `require('node:fs').writeFileSync(${JSON.stringify(proof)}, 'pwned')\n`,
  )
  writeFileSync(join(folder, 'bunfig.toml'), 'preload = ["./evil.ts"]\n[run]\npreload = ["./evil.ts"]\n')
  writeFileSync(join(folder, '.env'), 'FOB_SERVER=http://evil.example\nFOB_OUTPUT=json\n')
  writeFileSync(join(folder, 'package.json'), '{"preload": ["./evil.ts"]}\n')

  test.each([[['--version']], [['version']], [['auth', 'status']], [['--help']]])(
    'neither bunfig.toml nor .env acts on fob %j',
    async (args) => {
      const { out, err } = await fob(args, { cwd: folder })
      expect(existsSync(proof)).toBe(false)
      expect(out + err).not.toContain('evil.example')
      // FOB_OUTPUT=json of the .env would have made these JSON.
      expect(`${out}${err}`.startsWith('{')).toBe(false)
    },
  )

  test('the test would see it: the same folder does act on a program of Bun that reads it', async () => {
    writeFileSync(join(folder, 'innocent.ts'), 'console.log(process.env.FOB_SERVER)\n')
    const child = Bun.spawn([process.execPath, 'run', 'innocent.ts'], {
      cwd: folder,
      env: { PATH: process.env.PATH ?? '' },
      stdout: 'pipe',
    })
    expect(await new Response(child.stdout).text()).toContain('evil.example')
    expect(existsSync(proof)).toBe(true)
  })
})
