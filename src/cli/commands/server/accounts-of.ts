import { withAccounts } from '../../../server/administer.ts'
import type { Deps } from '../../deps.ts'

export const dataFlag = {
  type: 'string',
  value: 'DIR',
  description: "the server's data folder (default ./fob-data; FOB_DATA)",
} as const

type Accounts = Parameters<Parameters<typeof withAccounts>[1]>[0]

/** Works on the accounts of the data folder that `--data`, `FOB_DATA` or `CI_DATA` names. */
export function onAccounts<T>(
  deps: Deps,
  options: { data: string | undefined; create?: boolean },
  work: (accounts: Accounts) => Promise<T>,
): Promise<T> {
  const dataDir = options.data ?? deps.env.FOB_DATA ?? deps.env.CI_DATA ?? './fob-data'
  return withAccounts({ dataDir, clock: deps.clock, create: options.create === true }, work)
}
