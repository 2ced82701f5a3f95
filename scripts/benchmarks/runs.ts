/**
 * What a run costs, on the compiled binary and through its API: until the first task has started and what each
 * further one adds, against bare spawns of the same programs that take turns with them; what lists of runs cost
 * that differ in how many there are; how fast a task's output becomes its log. `--beside PATH` adds another binary
 * in the same turns, for tasks in sequence and for output.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { binaryBeside, type FobServer, startFob } from './api/servers.ts'
import { apiOf } from './runs/api.ts'
import { measureLists } from './runs/lists.ts'
import { measureLog } from './runs/log.ts'
import { measureManyTasks, measureStart } from './runs/tasks.ts'

const folder = mkdtempSync(join(tmpdir(), 'fob-bench-'))
const servers: FobServer[] = []
try {
  const start = async (name: string, binary?: string) => {
    const server = await startFob(join(folder, name), { binary })
    servers.push(server)
    return server
  }
  const busy = await start('busy')
  await measureStart(apiOf(busy))
  const other = binaryBeside()
  const beside = other === undefined ? undefined : apiOf(await start('beside', other))
  await measureManyTasks(apiOf(busy), beside)
  await measureLog(apiOf(busy), folder, beside)
  await measureLists({ few: await start('few'), some: await start('some'), many: await start('many') })
} finally {
  for (const server of servers) server.process.kill()
  await Promise.all(servers.map((server) => server.process.exited))
  rmSync(folder, { recursive: true, force: true })
}
