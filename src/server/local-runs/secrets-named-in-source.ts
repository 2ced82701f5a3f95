/** The secrets that a source names, for programs that run nothing. */
import { referencedSecrets } from '../runs/secrets/find-secret-references.ts'

/** Their keys in the order of the source, as far as it tells. */
export function secretsNamedIn(source: string): string[] {
  return referencedSecrets(source)
}
