/** Changes to `config.toml`, one process at a time. */
import type { Clock } from '../platform/clock.ts'
import type { TomlTable } from '../platform/files/toml.ts'
import { replaceLocked } from './locked-file-rewrite.ts'
import { check, readTable, settingsPath } from './config-file.ts'

/**
 * @param change alters the table in place, unknown keys included.
 * @throws Fault `config` when the file is damaged, before or after; then it is left as it was.
 */
export async function updateSettings(
  home: string,
  options: { clock: Clock; signal: AbortSignal },
  change: (table: TomlTable) => void,
): Promise<void> {
  const path = settingsPath(home)
  await replaceLocked(path, options, async () => {
    const table = (await readTable(path)) ?? {}
    check(table, path)
    change(table)
    check(table, path)
    const { formatToml } = await import('../platform/files/toml.ts')
    return formatToml(table)
  })
}

/** Makes `slug` the tenant of a server, which takes precedence over the global one. */
export function setTenant(
  home: string,
  options: { clock: Clock; signal: AbortSignal },
  { server, slug }: { server: string; slug: string },
): Promise<void> {
  return updateSettings(home, options, (table) => {
    const servers = asTable(table.servers)
    table.servers = { ...servers, [server]: { ...asTable(servers[server]), tenant: slug } }
  })
}

/** Makes `server` the default. */
export function setServer(
  home: string,
  options: { clock: Clock; signal: AbortSignal },
  server: string,
): Promise<void> {
  return updateSettings(home, options, (table) => {
    table.server = server
  })
}

function asTable(value: unknown): TomlTable {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}
