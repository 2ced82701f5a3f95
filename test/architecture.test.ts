/** The shape of the source tree: no import circles, and only the imports that the table of folders allows. */
import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'

/**
 * Who may import whom (docs/architecture.md). A folder may always import itself. `contract` holds the wire
 * and `Fault`, so everything but the two leaves may import it.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  // The leaves. What `platform` needs of the wire, such as the path of the callback, is passed to it: a listener
  // or a file knows nothing of our protocol, and `contract` nothing of the machine.
  contract: [],
  redact: [],
  platform: [],
  flows: ['contract', 'platform', 'redact'],
  store: ['contract', 'platform', 'redact'],
  settings: ['contract', 'platform'],
  session: ['contract', 'flows', 'store', 'settings', 'platform', 'redact'],
  'guarded-fetch': ['contract', 'platform'],
  // Hosts of the Model Context Protocol on standard input, and remote servers behind it.
  mcp: ['contract', 'flows', 'guarded-fetch', 'platform', 'redact'],
  cli: [
    'cli/local-runs',
    'contract',
    'flows',
    'guarded-fetch',
    'mcp',
    'store',
    'settings',
    'session',
    'platform',
    'redact',
  ],
  // Runs without a server: what `fob pipeline exec` and `check` share.
  'cli/local-runs': ['cli', 'platform', 'server/local-runs'],
  // What the commands of `fob server` share: a server's settings as flags, and its folder of data.
  'cli/administration': ['cli', 'contract', 'platform', 'redact', 'server/administration', 'server/settings'],
  'cli/commands/server': [
    'cli',
    'cli/administration',
    'contract',
    'platform',
    'redact',
    'server',
    'server/administration',
    'server/settings',
  ],
  main: ['cli', 'platform', 'server/runs'],
  'server/db': ['contract'],
  'server/access-rules': ['contract', 'platform'],
  'server/web': ['contract'],
  'server/vault': ['server/db', 'contract', 'redact', 'platform'],
  'server/accounts': ['server/db', 'contract', 'redact', 'platform'],
  'server/audit': ['server/db', 'contract', 'platform'],
  'server/issuer': [
    'server',
    'server/accounts',
    'server/db',
    'server/access-rules',
    'contract',
    'redact',
    'platform',
  ],
  'server/trusted-issuers': [
    'server',
    'server/access-rules',
    'server/db',
    'server/issuer',
    'contract',
    'platform',
  ],
  'server/pipelines': [
    'server/audit',
    'server/db',
    'server/access-rules',
    'server/runs',
    'server/vault',
    'contract',
    'redact',
    'platform',
  ],
  'server/runs': ['guarded-fetch', 'server', 'server/vault', 'server/db', 'redact', 'contract', 'platform'],
  // A composition root of its own, smaller than the server's.
  'server/local-runs': [
    'guarded-fetch',
    'server',
    'server/db',
    'server/runs',
    'server/vault',
    'contract',
    'redact',
    'platform',
  ],
  'server/triggers': [
    'server',
    'server/audit',
    'server/auth',
    'server/runs',
    'server/vault',
    'server/db',
    'redact',
    'contract',
    'platform',
  ],
  'server/auth': [
    'server/issuer',
    'server/accounts',
    'server/access-rules',
    'server/trusted-issuers',
    'contract',
    'redact',
  ],
  'server/mcp': [
    'server/audit',
    'server/pipelines',
    'server/access-rules',
    'server/runs',
    'server/vault',
    'contract',
    'platform',
  ],
  'server/http': [
    'server',
    'server/audit',
    'server/auth',
    'server/access-rules',
    'server/issuer',
    'server/accounts',
    'server/audit',
    'server/mcp',
    'server/pipelines',
    'server/runs',
    'server/triggers',
    'server/vault',
    'server/web',
    'contract',
    'redact',
    'platform',
  ],
  'server/settings': [
    'guarded-fetch',
    'server/access-rules',
    'server/accounts',
    'server/auth',
    'server/issuer',
    'server/runs',
    'server/trusted-issuers',
    'server/vault',
    'contract',
    'redact',
    'platform',
  ],
  // What administers a folder of data from the command line, whether or not a server runs on it.
  'server/administration': [
    'server',
    'server/accounts',
    'server/audit',
    'server/db',
    'server/issuer',
    'server/settings',
    'server/trusted-issuers',
    'server/vault',
    'contract',
    'redact',
    'platform',
  ],
  // The composition root and its two steps, the listener, the log, the room on the disk and the counters stand directly under server/.
  server: [
    'server/administration',
    'server/settings',
    'server/trusted-issuers',
    'server/db',
    'server/http',
    'server/access-rules',
    'server/auth',
    'server/issuer',
    'server/accounts',
    'server/audit',
    'server/mcp',
    'server/pipelines',
    'server/runs',
    'server/triggers',
    'server/vault',
    'server/web',
    'contract',
    'redact',
    'platform',
  ],
}

/** Files directly under server/ that other server folders may use; the composition root is not one. */
const SHARED_SERVER_FILES = new Set(['server/log.ts', 'server/disk-space.ts', 'server/metrics.ts'])

const SRC = join(import.meta.dir, '..', 'src')

interface Edge {
  from: string
  to: string
}

function sourceFiles(): string[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.d.ts'),
  )
}

/** Static, `import type`, re-exporting and dynamic imports of our own files. */
function edgesOf(file: string): Edge[] {
  const text = readFileSync(join(SRC, file), 'utf8')
  const specifiers = text.matchAll(/(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s+)(['"])(\.{1,2}\/[^'"]+)\1/g)
  return [...specifiers].map((match) => ({
    from: file,
    to: relative(SRC, normalize(join(SRC, dirname(file), match[2] ?? ''))),
  }))
}

function layerOf(file: string): string {
  if (file === 'main.ts') return 'main'
  if (file.startsWith('cli/commands/server/')) return 'cli/commands/server'
  if (file.startsWith('cli/local-runs/')) return 'cli/local-runs'
  if (file.startsWith('cli/administration/')) return 'cli/administration'
  const [first, second, ...rest] = file.split('/')
  return first === 'server' && rest.length > 0 ? `server/${second}` : (first ?? '')
}

const edges = sourceFiles().flatMap(edgesOf)

/** Groups of files that import each other in a circle, directly or not (Tarjan's strongly connected components). */
function circlesOf(all: readonly Edge[]): string[][] {
  const targets = Map.groupBy(all, ({ from }) => from)
  const order = new Map<string, number>()
  const low = new Map<string, number>()
  const open: string[] = []
  const circles: string[][] = []

  function visit(file: string): number {
    const index = order.size
    order.set(file, index)
    low.set(file, index)
    open.push(file)
    for (const { to } of targets.get(file) ?? []) {
      const seen = order.get(to)
      if (seen === undefined) low.set(file, Math.min(low.get(file) ?? index, visit(to)))
      else if (open.includes(to)) low.set(file, Math.min(low.get(file) ?? index, seen))
    }
    const lowest = low.get(file) ?? index
    if (lowest === index) {
      const circle = open.splice(open.indexOf(file))
      const isSelf = all.some(({ from, to }) => from === file && to === file)
      if (circle.length > 1 || isSelf) circles.push(circle.toSorted())
    }
    return lowest
  }

  for (const file of targets.keys()) if (!order.has(file)) visit(file)
  return circles
}

function edge(from: string, to: string): Edge {
  return { from, to }
}

const MAX_FILES_IN_FOLDER = 20

/** How many source files stand in each folder of a tree itself; declarations for another file do not count. */
function folderSizes(root: string): Map<string, number> {
  const sizes = new Map<string, number>()
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(ts|js|py)$/.test(name) || name.endsWith('.d.ts')) continue
    sizes.set(dirname(name), (sizes.get(dirname(name)) ?? 0) + 1)
  }
  return sizes
}

describe('the shape', () => {
  test('no file imports itself by way of others, not even for a type', () => {
    expect(circlesOf(edges)).toEqual([])
  })

  test('a circle is seen, also one of three files', () => {
    const [a, b, c, d] = ['a.ts', 'b.ts', 'c.ts', 'd.ts'] as const
    expect(circlesOf([edge(a, b), edge(b, c), edge(c, a), edge(c, d)])).toEqual([[a, b, c]])
    expect(circlesOf([edge(a, b), edge(a, c), edge(b, d), edge(c, d)])).toEqual([])
    expect(circlesOf([edge(a, a)])).toEqual([[a]])
  })

  test.each(['src', 'test', 'scripts'])('no folder of %s has more than 20 source files', (root) => {
    const sizes = [...folderSizes(join(SRC, '..', root))]
    expect(sizes.length).toBeGreaterThan(1)
    expect(sizes.filter(([, size]) => size > MAX_FILES_IN_FOLDER)).toEqual([])
  })
})

describe('the import table', () => {
  test('the test sees imports of every kind, so that it cannot pass on nothing', () => {
    expect(edges.length).toBeGreaterThan(200)
    expect(edges).toContainEqual({ from: 'cli/run-command-line.ts', to: 'cli/root-command.ts' })
    expect(edges).toContainEqual({ from: 'cli/root-command.ts', to: 'cli/commands/version.ts' })
    expect(edges).toContainEqual({ from: 'cli/output/follow-run.ts', to: 'cli/client/command-context.ts' })
  })

  test('every folder is in the table', () => {
    const unknown = [...new Set(sourceFiles().map(layerOf))].filter(
      (layer) => MAY_IMPORT[layer] === undefined,
    )
    expect(unknown).toEqual([])
  })

  test('every import is allowed', () => {
    const forbidden = edges.filter(({ from, to }) => {
      const [source, target] = [layerOf(from), layerOf(to)]
      if (source === target) return false
      // Words of the tree are loaded from everywhere in the CLI; what they load stays in its layer.
      if (from === 'cli/root-command.ts' && target === 'cli/commands/server') return false
      if (source === 'cli/commands/server' && target === 'server') return false
      if (target === 'server' && source.startsWith('server/')) return !SHARED_SERVER_FILES.has(to)
      return !(MAY_IMPORT[source] ?? []).includes(target)
    })
    expect(forbidden).toEqual([])
  })

  test('an outside package that stands for a part of the system has one importer', () => {
    const owners: Record<string, string> = {
      citty: 'cli/command.ts',
      'smol-toml': 'platform/files/toml.ts',
      '@clack/prompts': 'platform/terminal/prompts.ts',
      diff: 'platform/line-difference.ts',
      uqr: 'platform/terminal/qr-code.ts',
      open: 'platform/browser/open-browser.ts',
      'tar-stream': 'platform/archives/pack-tar.ts',
      yauzl: 'platform/archives/unpack-zip.ts',
      'light-my-request': 'server/issuer/protocol/node-http-bridge.ts',
    }
    for (const [name, owner] of Object.entries(owners)) {
      const importers = sourceFiles().filter((file) =>
        new RegExp(`(?:from|import\\()\\s*['"]${name}['"]`).test(readFileSync(join(SRC, file), 'utf8')),
      )
      expect({ name, importers }).toEqual({ name, importers: [owner] })
    }
  })
})
