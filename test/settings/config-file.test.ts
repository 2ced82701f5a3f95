/** config.toml: read values, preserved unknown keys, per-server tenants and concurrent changes. */
import { describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/platform/clock.ts'
import { setServer, setTenant, updateSettings } from '../../src/settings/change-config-file.ts'
import { readSettings, settingsPath } from '../../src/settings/config-file.ts'
import { temporaryFolder } from '../support/temporary.ts'

const world = { clock: systemClock, signal: new AbortController().signal }

function homeWith(text?: string): string {
  const home = join(temporaryFolder(), '.fob')
  mkdirSync(home, { mode: 0o700 })
  if (text !== undefined) writeFileSync(settingsPath(home), text)
  return home
}

describe('config.toml', () => {
  test('no file means no settings', async () => {
    expect(await readSettings(homeWith())).toEqual({})
  })

  test('a folder in its place is said in words', async () => {
    const home = homeWith()
    mkdirSync(settingsPath(home))
    const said = `cannot use ${settingsPath(home)}: it is not a regular file`
    await expect(readSettings(home)).rejects.toMatchObject({ code: 'config', message: said })
  })

  test('S237: server, default tenant and output format are read', async () => {
    const home = homeWith(
      'server = "https://a"\ntenant = "acme"\noutput = "json"\n[servers."https://a"]\ntenant = "b"\n',
    )
    expect(await readSettings(home)).toEqual({
      server: 'https://a',
      tenant: 'acme',
      output: 'json',
      servers: { 'https://a': { tenant: 'b' } },
    })
  })

  test('unknown keys survive a change, and the file has mode 0600', async () => {
    const home = homeWith('future = true\n[run]\npipeline = "deploy"\n')
    await updateSettings(home, world, (table) => (table.tenant = 'acme'))
    const text = readFileSync(settingsPath(home), 'utf8')
    expect(text).toContain('future = true')
    expect(text).toContain('pipeline = "deploy"')
    expect((await readSettings(home)).tenant).toBe('acme')
    expect((statSync(settingsPath(home)).mode & 0o777).toString(8)).toBe('600')
  })

  test('comments, blank lines and order stay when a setting changes', async () => {
    const text = [
      '# mine',
      "server = 'https://a'   # the old one",
      '',
      '# for CI',
      '[run]',
      'pipeline = "deploy" # nightly',
      '',
      '[servers."https://a"] # the first',
      '# nothing yet',
      '',
    ].join('\n')
    const home = homeWith(text)
    await setServer(home, world, 'https://b')
    await setTenant(home, world, { server: 'https://a', slug: 'acme' })
    await setTenant(home, world, { server: 'https://b', slug: 'shop' })
    await setTenant(home, world, { server: 'https://a', slug: 'other' })
    expect(readFileSync(settingsPath(home), 'utf8')).toBe(
      text
        .replace("'https://a'   #", '"https://b"   #')
        .replace('# the first\n', '# the first\ntenant = "other"\n')
        .concat('\n[servers."https://b"]\ntenant = "shop"\n'),
    )
  })

  test.each([
    ['comments alone', '# mine\n\n# [servers]\n'],
    ['a table in one line', 'servers = { "https://a" = { tenant = "x" } } # mine\n'],
    ['dotted keys', 'servers."https://a".tenant = "x"\n'],
    ['a text that looks like a table', "note = '''\n[servers.\"https://a\"]\ntenant = \"n\"\n'''\n"],
    ['line ends of Windows', '# mine\r\nserver = "https://x"\r\n'],
  ])('a file of another form is changed rightly: %s', async (_, text) => {
    const home = homeWith(text)
    const before = await readSettings(home)
    await setServer(home, world, 'https://b')
    await setTenant(home, world, { server: 'https://a', slug: 'acme' })
    expect(await readSettings(home)).toEqual({
      ...before,
      server: 'https://b',
      servers: { 'https://a': { tenant: 'acme' } },
    })
  })

  test.each([
    ['a mistake', 'tenant = \n', 'line 1, column'],
    ['a wrong type', 'tenant = 7\n', '"tenant" has the wrong type'],
    ['a wrong type below', '[servers]\n"https://a" = "x"\n', 'has the wrong type'],
  ])('%s is named with its place and nothing is overwritten', async (_, text, part) => {
    const home = homeWith(text)
    for (const attempt of [() => readSettings(home), () => updateSettings(home, world, () => {})]) {
      const error: unknown = await attempt().catch((e: unknown) => e)
      expect(error).toMatchObject({ code: 'config' })
      expect(String(error)).toContain(part)
      expect(String(error)).toContain(settingsPath(home))
    }
    expect(readFileSync(settingsPath(home), 'utf8')).toBe(text)
  })

  test('S228: a tenant is set for one server, and the others keep theirs', async () => {
    const home = homeWith('tenant = "global"\n[servers."https://a"]\ntenant = "old"\nnote = "kept"\n')
    await setTenant(home, world, { server: 'https://a', slug: 'new' })
    await setTenant(home, world, { server: 'https://b', slug: 'other' })
    expect(await readSettings(home)).toMatchObject({
      tenant: 'global',
      servers: { 'https://a': { tenant: 'new', note: 'kept' }, 'https://b': { tenant: 'other' } },
    })
  })

  test('changes side by side are all kept, and what a killed writer left is gone', async () => {
    const home = homeWith()
    const left = join(home, '.config.toml.0123456789ab.tmp')
    writeFileSync(left, 'half')
    const slugs = Array.from({ length: 8 }, (_, i) => `t${i}`)
    await Promise.all(slugs.map((slug) => setTenant(home, world, { server: `https://${slug}`, slug })))
    await setServer(home, world, 'https://t0')
    const settings = await readSettings(home)
    expect([settings.server, Object.keys(settings.servers ?? {}).length]).toEqual(['https://t0', 8])
    expect(existsSync(left)).toBe(false)
  })
})
