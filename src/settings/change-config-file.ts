/** Changes to `config.toml`, one process at a time. */
import type { Clock } from '../platform/clock.ts'
import type { TomlTable } from '../platform/files/toml.ts'
import { replaceLocked } from './locked-file-rewrite.ts'
import { check, readDocument, settingsPath } from './config-file.ts'

/**
 * Comments and order stay where only texts change, as they do in all changes of ours.
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
    const { table: before, text } = (await readDocument(path)) ?? { table: {}, text: '' }
    check(before, path)
    const table = structuredClone(before)
    change(table)
    check(table, path)
    const { editToml } = await import('../platform/files/edit-toml.ts')
    const edited = editToml(text, before, table)
    if (edited !== undefined) return edited
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
