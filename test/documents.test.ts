/** The documents for people: every path, link and heading that they name exists. */
import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { openMetrics } from '../src/server/metrics.ts'

const ROOT = join(import.meta.dir, '..')
const ROOMS = ['src', 'test', 'scripts', 'docs', 'examples', 'findings']

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

const below = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path))

const paths = [...readdirSync(ROOT), ...ROOMS.flatMap(below)]
const documents = paths.filter(
  (path) => path.endsWith('.md') && (!path.includes('/') || /^(docs|findings)\//.test(path)),
)

/** Names that stand for files of users, or for any name. */
const OF_USERS = new Set(['fob.d.ts', 'findings/NAME.sh'])

/** A file may be named by the end of its path where it stands next to others: `journal/apply-retention.ts`. */
function isThere(name: string): boolean {
  const path = name.replace(/^\.\//, '').replace(/\/$/, '')
  return paths.some((known) => known === path || known.endsWith(`/${path}`))
}

/** Text without its fenced blocks, whose commands are about files of users. */
const prose = (text: string) => text.replaceAll(/^```.*?^```$/gms, '')

const headingsOf = (text: string) =>
  prose(text)
    .split('\n')
    .filter((line) => /^#+ /.test(line))
    .map((line) =>
      line
        .replace(/^#+ /, '')
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    )

/** Source files, scripts and folders in backticks. */
function namesIn(text: string): string[] {
  const code = [...prose(text).matchAll(/`([^`\n]+)`/g)].map(([, name]) => name ?? '')
  const commands = [...text.matchAll(/^(?:\S*\/)?((?:scripts|findings)\/[\w.-]+)/gm)].map(
    ([, name]) => name ?? '',
  )
  return [...code, ...commands].filter(
    (name) =>
      /^\w[\w.@/-]*\.(?:ts|js|sql|md|sh)$/.test(name) ||
      /^(?:src|test|scripts|docs|examples|findings)\/[\w./-]*$/.test(name),
  )
}

describe.each(documents)('%s', (document) => {
  const text = read(document)

  test('names files that exist', () => {
    expect(namesIn(text).filter((name) => !OF_USERS.has(name) && !isThere(name))).toEqual([])
  })

  test('links to files and headings that exist', () => {
    const links = [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? '')
    const dead = links.filter((target) => {
      if (/^[a-z]+:/.test(target)) return false
      const [path = '', heading] = target.split('#')
      const file = path === '' ? join(ROOT, document) : join(ROOT, normalize(join(dirname(document), path)))
      if (!existsSync(file)) return true
      return heading !== undefined && !headingsOf(readFileSync(file, 'utf8')).includes(heading)
    })
    expect(dead).toEqual([])
  })
})

test('the documents are seen, and so are the names in them', () => {
  expect(documents).toContain('README.md')
  expect(documents).toContain('CONTRIBUTING.md')
  expect(documents).toContain('docs/architecture.md')
  expect(documents.flatMap((path) => namesIn(read(path))).length).toBeGreaterThan(100)
})

test('the page of operations names every metric of the server, and no other', () => {
  const text = openMetrics().text({
    version: '0',
    runsInProgress: 0,
    runsWaiting: 0,
    diskFull: false,
    diskFreeBytes: 0,
    residentBytes: 0,
    startedAtSeconds: 0,
  })
  const families = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(
    ([, name = '', type]) => name + (type === 'counter' ? '_total' : type === 'info' ? '_info' : ''),
  )
  const rows = read('docs/operations.md')
    .split('\n')
    .filter((line) => /^\| `(?:fob|process)_/.test(line))
  const named = rows.flatMap((row) => row.split(' | ')[0]?.match(/(?:fob|process)_\w+/g) ?? [])
  expect(named.toSorted()).toEqual(families.toSorted())
})

test('every page is linked from README.md or CONTRIBUTING.md, and every finding from its list', () => {
  const entrances = read('README.md') + read('CONTRIBUTING.md')
  const pages = documents.filter((path) => /^docs\/[^/]+\.md$/.test(path))
  expect(pages.filter((path) => !entrances.includes(`(${path})`))).toEqual([])
  const findings = paths.filter((path) => path.startsWith('findings/') && path.endsWith('.sh'))
  expect(findings.length).toBeGreaterThanOrEqual(10)
  expect(findings.filter((path) => !read('findings/README.md').includes(`\`${path.slice(9)}\``))).toEqual([])
})
