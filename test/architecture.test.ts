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
  cli: ['contract', 'flows', 'store', 'settings', 'session', 'platform', 'redact'],
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
  'server/rbac': ['contract', 'platform'],
  'server/web': ['contract'],
  'server/vault': ['server/db', 'contract', 'redact', 'platform'],
  'server/accounts': ['server/db', 'contract', 'redact', 'platform'],
  'server/audit': ['server/db', 'contract', 'platform'],
  'server/issuer': [
    'server',
    'server/accounts',
    'server/db',
    'server/rbac',
    'contract',
    'redact',
    'platform',
  ],
  'server/pipelines': [
    'server/audit',
    'server/db',
    'server/rbac',
    'server/runs',
    'server/vault',
    'contract',
    'redact',
    'platform',
  ],
  'server/runs': ['server', 'server/vault', 'server/db', 'redact', 'contract', 'platform'],
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
  'server/auth': ['server/issuer', 'server/accounts', 'server/rbac', 'contract', 'redact'],
  'server/mcp': [
    'server/audit',
    'server/pipelines',
    'server/rbac',
    'server/runs',
    'server/vault',
    'contract',
    'platform',
  ],
  'server/http': [
    'server',
    'server/audit',
    'server/auth',
    'server/rbac',
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
    'server/auth',
    'server/issuer',
    'server/runs',
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
    'server/vault',
    'contract',
    'redact',
    'platform',
  ],
  // The composition root, the listener and the log stand directly under server/.
  server: [
    'server/administration',
    'server/settings',
    'server/db',
    'server/http',
    'server/rbac',
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
const SHARED_SERVER_FILES = new Set(['server/log.ts'])

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
  if (file.startsWith('cli/administration/')) return 'cli/administration'
  const [first, second, ...rest] = file.split('/')
  return first === 'server' && rest.length > 0 ? `server/${second}` : (first ?? '')
}

const edges = sourceFiles().flatMap(edgesOf)

describe('the import table', () => {
  test('the test sees imports of every kind, so that it cannot pass on nothing', () => {
    expect(edges.length).toBeGreaterThan(200)
    expect(edges).toContainEqual({ from: 'cli/run-command-line.ts', to: 'cli/root-command.ts' })
    expect(edges).toContainEqual({ from: 'cli/root-command.ts', to: 'cli/commands/version.ts' })
    expect(edges).toContainEqual({ from: 'cli/output/follow-run.ts', to: 'cli/client/client.ts' })
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
