/** What a pipeline's source tells without being run. */
export { secretsNamedIn } from '../../server/local-runs/secrets-named-in-source.ts'
