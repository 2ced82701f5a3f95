import { Fault } from '../../../contract/fault.ts'
import { checkData } from '../../../server/administration/open-data-folder.ts'
import { defineCommand } from '../../command.ts'
import { chosenFormat } from '../../output/output-format.ts'
import { printList } from '../../output/print.ts'
import { dataFlags, dataFolder } from '../../administration/data-folder.ts'

export const command = defineCommand({
  summary: "Check a server's database and its audit log",
  description: [
    'Changes nothing, and can run beside the server. Exit status 1 when something is wrong.',
    'The audit log is a chain of hashes: note the last one elsewhere, and a log cut short shows as well.',
  ].join('\n'),
  examples: ['fob server check', 'fob server check --data /var/lib/fob -o json'],
  flags: dataFlags,
  positionals: {},
  async run({ flags, globals }, deps) {
    const findings = await checkData(await dataFolder(deps, flags))
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
  },
})
