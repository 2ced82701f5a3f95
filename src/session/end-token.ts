import * as v from 'valibot'
import { Secret } from '../redact/secret.ts'
import { openApi } from './api.ts'
import type { ServerContext } from './login.ts'

/** Whether the token API can end this token: ours have a prefix that says so. */
export function isScopedToken(token: Secret): boolean {
  return token.reveal().startsWith('ci_')
}

/** Ends a `ci_` token at its server (R12). @throws what `Api.request` throws */
export async function endScopedToken(context: ServerContext, token: Secret): Promise<void> {
  const authorization = new Secret(`Bearer ${token.reveal()}`)
  const api = openApi({ ...context, tenant: undefined, authorization: async () => authorization })
  await api.request({ method: 'DELETE', path: '/api/auth/cli-tokens/current', schema: v.unknown() })
}
