/** Credentials with a header of their own. Each is accepted by the one route that asks for it, and by no other. */
import type { Runners } from '../accounts/runners.ts'
import type { ServiceKeys } from '../accounts/service-keys.ts'
import type { Principal } from '../access-rules/principal.ts'
import { machine } from './create-principal.ts'

/** The runner that `X-Runner-Token` names. Undefined for anything that is not the token of a runner. */
export function runnerOf(runners: Runners, header: string | null): Principal | undefined {
  const runner = header === null ? undefined : runners.verify(header.trim())
  if (runner === undefined) return undefined
  return machine('runner', {
    id: `runner:${runner.id}`,
    name: runner.name,
    tenant: runner.tenant,
    credential: { kind: 'runner', id: runner.id },
    scopes: [],
  })
}

/** The service that `x-service-key` names. Undefined for anything that is not a service key. */
export function serviceKeyOf(keys: ServiceKeys, header: string | null): Principal | undefined {
  const key = header === null ? undefined : keys.verifyKey(header.trim())
  if (key === undefined) return undefined
  return machine('service', {
    id: `service:${key.id}`,
    name: key.name,
    tenant: key.tenant,
    credential: { kind: 'service-key', id: key.id },
    // A key is exchanged for tokens; by itself it allows nothing.
    scopes: [],
  })
}
