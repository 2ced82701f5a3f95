/** The secrets for the pipelines of all tenants, as a file and the command line give them. */
import { Fault } from '../../contract/fault.ts'
import { parseDotenv } from '../../platform/files/dotenv.ts'
import { Secret } from '../../redact/secret.ts'
import { readSecretFile, type SettingValues } from './setting-values.ts'

/**
 * Those of `--secret-file`, and over them those of `--secret`.
 * @throws Fault `config` naming the line, never a value
 */
export function readServerSecrets(
  values: SettingValues,
  given: ReadonlyMap<string, string> = new Map(),
): ReadonlyMap<string, Secret> {
  const path = values['secret-file']
  const secrets = new Map(path === undefined ? [] : readSecretsFile(path))
  for (const [key, value] of given) secrets.set(key, value)
  return new Map([...secrets].map(([key, value]) => [key, new Secret(value)]))
}

function readSecretsFile(path: string): Map<string, string> {
  const parsed = parseDotenv(readSecretFile('secret', path))
  if (parsed.ok) return parsed.values
  throw new Fault('config', `${path}:${parsed.line}: ${parsed.problem}`, {
    hint: 'put a value of more than one line in quotes',
  })
}
