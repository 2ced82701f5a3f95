/** A project's .fob.toml: where it is found, what it sets, and the remembered trust in its content. */
import { describe, expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/platform/clock.ts'
import { findProject, parseProject } from '../../src/settings/project-file.ts'
import { setTrust, trustOf } from '../../src/settings/trusted-projects.ts'
import { temporaryFolder } from '../support/temporary.ts'

const world = { clock: systemClock, signal: new AbortController().signal }

function projectWith(text: string): { folder: string; path: string } {
  const folder = temporaryFolder()
  writeFileSync(join(folder, '.fob.toml'), text)
  return { folder, path: join(folder, '.fob.toml') }
}

function found(folder: string) {
  const project = findProject(folder)
  if (project === undefined) throw new Error('not found')
  return project
}

describe("a project's .fob.toml", () => {
  test('the nearest one above is found', () => {
    const { folder, path } = projectWith('tenant = "outer"\n')
    const inner = join(folder, 'a', 'b')
    mkdirSync(inner, { recursive: true })
    expect(found(inner).path).toBe(path)
    writeFileSync(join(folder, 'a', '.fob.toml'), 'tenant = "inner"\n')
    expect(found(inner).path).toBe(join(folder, 'a', '.fob.toml'))
    expect(findProject(temporaryFolder())).toBeUndefined()
  })

  test.each([
    ['a folder', (path: string) => mkdirSync(path)],
    ['a pipe, which would hold us for good', (path: string) => void execFileSync('/usr/bin/mkfifo', [path])],
    ['a large file', (path: string) => writeFileSync(path, '#'.repeat(17_000))],
    ['a link to nothing', (path: string) => symlinkSync('/nonexistent', path)],
  ])('%s in its place is passed over', (_, make) => {
    const folder = temporaryFolder()
    make(join(folder, '.fob.toml'))
    expect(findProject(folder)).toBeUndefined()
  })

  test("its mode is the user's and stays as it is", () => {
    const { folder, path } = projectWith('')
    chmodSync(path, 0o644)
    findProject(folder)
    expect((statSync(path).mode & 0o777).toString(8)).toBe('644')
  })

  test('server, tenant and account are read', async () => {
    const { folder, path } = projectWith('server = "https://a"\ntenant = "acme"\naccount = "ada"\n')
    expect(await parseProject(found(folder))).toEqual({
      path,
      server: 'https://a',
      tenant: 'acme',
      account: 'ada',
    })
  })

  test.each([
    ['a token', 'token = "canary"\n', '"token" is not allowed'],
    ['a command', 'server = "https://a"\n[agents.x]\ncommand = "canary"\n', '"agents" is not allowed'],
    ['a number', 'tenant = 7\n', '"tenant" has the wrong type'],
    ['no TOML', 'tenant = canary\n', 'line 1, column'],
  ])('%s in it is an error that names the key and shows no value', async (_, text, part) => {
    const { folder, path } = projectWith(text)
    const error: unknown = await parseProject(found(folder)).catch((e: unknown) => e)
    expect(error).toMatchObject({ code: 'config' })
    expect(String(error)).toContain(path)
    expect(String(error)).toContain(part)
    expect(String(error)).not.toContain('canary')
  })
})

describe('trust in it', () => {
  test('is for this file with this content, and is remembered with mode 0600', async () => {
    const home = join(temporaryFolder(), '.fob')
    const { folder, path } = projectWith('tenant = "acme"\n')
    expect(trustOf(home, found(folder))).toBeUndefined()
    await setTrust(home, found(folder), 'yes', world)
    expect(trustOf(home, found(folder))).toBe('yes')
    expect((statSync(join(home, 'trusted.json')).mode & 0o777).toString(8)).toBe('600')
    writeFileSync(path, 'tenant = "other"\n')
    expect(trustOf(home, found(folder))).toBeUndefined()
    const twin = projectWith('tenant = "acme"\n')
    expect(trustOf(home, found(twin.folder))).toBeUndefined()
  })

  test('a link to a trusted file is that file, and a no is remembered as well', async () => {
    const home = join(temporaryFolder(), '.fob')
    const { folder } = projectWith('tenant = "acme"\n')
    const link = join(temporaryFolder(), 'link')
    symlinkSync(folder, link)
    await setTrust(home, found(link), 'no', world)
    expect(trustOf(home, found(folder))).toBe('no')
  })

  test.each(['{"files":', '[]', '{"files":{"x":{"sha256":1}}}'])(
    'a damaged record (%s) trusts nothing, and the next answer repairs it',
    async (text) => {
      const home = join(temporaryFolder(), '.fob')
      mkdirSync(home)
      writeFileSync(join(home, 'trusted.json'), text)
      const { folder } = projectWith('tenant = "acme"\n')
      expect(trustOf(home, found(folder))).toBeUndefined()
      await setTrust(home, found(folder), 'yes', world)
      expect(JSON.parse(readFileSync(join(home, 'trusted.json'), 'utf8')).files).toBeDefined()
      expect(trustOf(home, found(folder))).toBe('yes')
    },
  )
})
