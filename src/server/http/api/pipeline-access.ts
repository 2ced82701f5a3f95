import { HttpError } from '../response.ts'
import type { Call } from '../call.ts'

/**
 * For what concerns every pipeline, such as a global secret.
 * @throws HttpError 403
 */
export function requireAllPipelines({ principal }: Call, doing: string): void {
  if (principal.pipelines === null) return
  throw new HttpError(403, 'pipeline_token', `this token is for some pipelines only and cannot ${doing}`, {
    details: { hint: 'make one with --all-pipelines' },
  })
}
