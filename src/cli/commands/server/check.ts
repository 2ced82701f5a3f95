/** `fob server check`: checks the database and the audit log of a server. */
import { Fault } from '../../../contract/fault.ts'
import { checkData } from '../../../server/administration/open-data-folder.ts'
import { dataFlags, dataFolder, type DataOptions } from '../../administration/data-folder-flags-and-access.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { chosenFormat } from '../../output/choose-output-format.ts'
import { printList } from '../../output/print.ts'

export const command = defineCommand({
  meta: {
    description: 'Check the database and the audit log',
    details: `Changes nothing, and can run while the server runs. Exits 1 when something is wrong.
The audit log is a chain of hashes: keep the last one elsewhere to detect a log that was cut short as well.`,
    examples: ['fob server check', 'fob server check --data /var/lib/fob -o json'],
  },
  args: dataFlags,
  run: ({ args, globals }, deps) => checkServer({ globals, at: args }, deps),
})

/** @throws Fault `failed`, after the list, with the first problem */
async function checkServer({ globals, at }: DataOptions, deps: Deps): Promise<void> {
  const findings = await checkData(await dataFolder(at, deps))
  const rows = findings.map(({ check, detail, problem }) => ({
    id: check,
    ok: problem === undefined,
    detail,
    problem: problem ?? null,
  }))
  printList(deps.io, chosenFormat(deps, globals), rows, [
    { title: 'check', cell: (row) => row.id },
    { title: 'result', cell: (row) => (row.ok ? 'ok' : 'wrong') },
    { title: 'detail', cell: (row) => row.problem ?? row.detail },
  ])
  const problem = findings.find((finding) => finding.problem !== undefined)?.problem
  if (problem !== undefined) throw new Fault('failed', problem)
}
