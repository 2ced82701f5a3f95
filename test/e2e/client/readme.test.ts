/** The quick start of the README, command by command as it is written there. */
import { expect, test } from 'bun:test'
import { readFileSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { binaryLogin } from '../../support/client/binary-login.ts'
import { environment, FOB, start } from '../../support/client/compiled-binary.ts'
import { freePort } from '../../support/free-port.ts'
import { ADA } from '../../support/servers/binary-server.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const ROOT = resolve(import.meta.dir, '../../..')
const TOKEN = 'a-token-of-the-readme'

/** The two blocks of commands, for a port of this test and the account that its browser knows. */
function commandsOfReadme(port: number): [server: string, client: string] {
  const section =
    readFileSync(join(ROOT, 'README.md'), 'utf8').split('## Five minutes')[1]?.split('\n## ')[0] ?? ''
  const [server = '', client = '', ...more] = [...section.matchAll(/^```sh\n(.+?)^```/gms)].map(([, block]) =>
    (block ?? '').replaceAll('8080', String(port)).replaceAll('you@example.com', ADA.email),
  )
  expect(more).toEqual([])
  return [server, client]
}

test('the five minutes of the README work as they are typed', async () => {
  const home = temporaryFolder()
  const cwd = temporaryFolder()
  symlinkSync(join(ROOT, 'examples'), join(cwd, 'examples'))
  symlinkSync(FOB, join(home, 'fob'))
  const shell = async (script: string, stdin: string) => {
    const { env } = environment({ home })
    const child = Bun.spawn(['bash', '-euo', 'pipefail', '-c', script], {
      cwd,
      env: { ...env, PATH: `${home}:${env.PATH}` },
      stdin: new TextEncoder().encode(stdin),
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [out, err] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ])
    return { code: await child.exited, out, err }
  }

  const port = freePort()
  const [serverCommands, clientCommands] = commandsOfReadme(port)
  const [prepare = '', startServer] = serverCommands.split(/^(?=fob server --config)/m)
  expect(startServer).toMatch(/^fob server --config fob-try\/fob\.toml /)
  expect(prepare).toContain('fob server init ')
  // Where a terminal would ask, a test pipes; and 8080 may be taken.
  const init = `server init --password-stdin --listen 127.0.0.1:${port}`
  const prepared = await shell(prepare.replace('server init', init), ADA.password)
  expect(prepared).toMatchObject({ code: 0 })
  const server = start(['server', '--config', 'fob-try/fob.toml'], { cwd, home })
  await server.saw('"listening"')

  const [login = '', ...rest] = clientCommands.split('\n')
  const url = `http://127.0.0.1:${port}`
  expect(login.replace(/ +#.*/, '')).toBe(`fob auth login -s ${url}`)
  expect(await binaryLogin(url, { home })).toMatchObject({ code: 0 })
  const { code, out, err } = await shell(rest.join('\n'), TOKEN)
  server.child.kill('SIGINT')
  await server.ended

  expect({ code, err }).toMatchObject({ code: 0 })
  expect(out).toContain('and the token is ***REDACTED***')
  expect(out).toContain(ADA.email)
  expect(out + err).not.toContain(TOKEN)
})
