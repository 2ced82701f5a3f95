/** The identity providers of CI jobs that fob knows by name. */

export interface Preset {
  /** What people call it. */
  label: string
  /** Its issuer, unless the settings name an instance of one's own. */
  url: string
  /** Which claim says whose job it is: `OWNER/REPOSITORY`, or the path of a project. */
  repositoryClaim: string
  /**
   * Claims that tell one owner from the rest of the world. A rule that asks for none of them lets everybody in. GitHub's
   * `job_workflow_ref` is not one: jobs of every repository can call a public workflow of somebody else.
   */
  ownerClaims: readonly string[]
}

export const PRESETS = {
  github: {
    label: 'GitHub Actions',
    url: 'https://token.actions.githubusercontent.com',
    repositoryClaim: 'repository',
    ownerClaims: [
      'repository',
      'repository_id',
      'repository_owner',
      'repository_owner_id',
      'sub',
      'workflow_ref',
      'enterprise',
      'enterprise_id',
    ],
  },
  gitlab: {
    label: 'GitLab CI',
    url: 'https://gitlab.com',
    repositoryClaim: 'project_path',
    ownerClaims: [
      'project_path',
      'project_id',
      'namespace_path',
      'namespace_id',
      'sub',
      'ci_config_ref_uri',
      'user_id',
      'user_login',
      'user_email',
    ],
  },
} as const satisfies Record<string, Preset>

export type PresetName = keyof typeof PRESETS

/** Issuers that are one for all of their customers, and whose tokens name whatever audience a customer asks for. */
const PUBLIC_ISSUERS: ReadonlySet<string> = new Set([
  'https://accounts.google.com',
  'https://agent.buildkite.com',
  'https://app.terraform.io',
  'https://oidc.vercel.com',
])

/** Whether anybody in the world can get a token of this issuer for any audience. */
export function isPublicIssuer(issuer: string): boolean {
  return PUBLIC_ISSUERS.has(issuer.replace(/\/+$/, '').toLowerCase())
}

/** The preset of an issuer that is named by its address: the condition on the owner is needed all the same. */
export function presetOfIssuer(issuer: string): PresetName | undefined {
  const address = issuer.replace(/\/+$/, '').toLowerCase()
  return Object.keys(PRESETS)
    .filter(isPresetName)
    .find((name) => PRESETS[name].url === address)
}

export function isPresetName(text: string): text is PresetName {
  return Object.hasOwn(PRESETS, text)
}
