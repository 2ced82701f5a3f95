/** `fob server check`: checks the database and the audit log of a server, and the issuers that it trusts. */
import { Fault } from '../../../contract/fault.ts'
import { checkTrustedIssuers } from '../../../server/administration/check-trusted-issuers.ts'
import { checkData } from '../../../server/administration/open-data-folder.ts'
import { readTrustedIssuersAlone } from '../../../server/settings/settings.ts'
import { dataFlags, dataFolder, type DataOptions } from '../../administration/data-folder-flags-and-access.ts'
import { settingSources } from '../../administration/server-setting-flags.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { chosenFormat } from '../../output/choose-output-format.ts'
import { printList } from '../../output/print.ts'

export const command = defineCommand({
  meta: {
    description: 'Check the database, the audit log, and the issuers that are trusted',
    details: `Changes nothing, and can run while the server runs. Exits 1 when something is wrong.
The audit log is a chain of hashes: keep the last one elsewhere to detect a log that was cut short as well.`,
    examples: [
      'fob server check',
      'fob server check --config fob.toml                # with the keys of its trusted issuers',
      'fob server check --data /var/lib/fob -o json',
    ],
  },
  args: dataFlags,
  run: ({ args, globals }, deps) => checkServer({ globals, at: args }, deps),
})

/** @throws Fault `config` for settings that are not valid; `failed`, after the list, with the first problem */
async function checkServer({ globals, at }: DataOptions, deps: Deps): Promise<void> {
  const trusted = readTrustedIssuersAlone(await settingSources({ ...at }, deps))
  const findings = [
    ...(await checkData(await dataFolder(at, deps))),
    ...(await checkTrustedIssuers(trusted, deps)),
  ]
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
